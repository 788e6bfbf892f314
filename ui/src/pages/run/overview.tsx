import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import * as queries from "@/api/queries";
import type { Run } from "@/api/types";
import { isSystem, keyFilter } from "@/charts/sections";
import { Badge, RunStatus } from "@/design/badge";
import { Card, Fact, Facts } from "@/design/card";
import { SearchInput } from "@/design/field";
import { LineageFacts } from "@/design/lineage";
import { Moment } from "@/design/moment";
import { NoteCard } from "@/design/note";
import { CopyButton, Digest, Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { shortNumber, toNumber } from "@/format/number";
import { ArtifactEdges } from "./artifact-edges";
import { Health } from "./health";
import { reproduceText } from "./reproduce";
import { AddTag, isClientTag, RemoveTag, useTagging } from "./tags";

const NOTE_TAG = "mlflow.note.content";

export function Overview({ run }: { run: Run }) {
  const note = run.tags[NOTE_TAG] ?? "";
  const tagging = useTagging(run.run_id);
  const notes = (
    <NoteCard
      title="Notes"
      text={note}
      placeholder="What was tried, what came of it, what to try next."
      onSave={(text) => tagging.mutateAsync({ key: NOTE_TAG, value: text || null })}
    />
  );
  return (
    <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_24rem] 2xl:grid-cols-[minmax(0,1fr)_28rem]">
      <div className="min-w-0 space-y-5">
        {note ? notes : null}
        <Metrics run={run} />
        <Values title="Params" values={run.params} empty="No params were logged." />
        <Values
          title="Tags"
          values={shownTags(run.tags)}
          empty="No tags. A tag says what a run is for, and can be searched and grouped by."
          actions={<AddTag runId={run.run_id} />}
          remove={(key) => (isClientTag(key) ? null : <RemoveTag runId={run.run_id} name={key} />)}
        />
        {note ? null : notes}
      </div>
      <div className="min-w-0 space-y-5">
        <Health runId={run.run_id} isLive={run.status === "running"} />
        <Lineage run={run} />
        <Registered runId={run.run_id} />
        <Evals runId={run.run_id} />
        <ArtifactEdges runId={run.run_id} />
        <Inputs run={run} />
        <Children run={run} />
        <Card title="Reproduce">
          <Snippet text={reproduceText(run)} />
        </Card>
      </div>
    </div>
  );
}

const shownTags = (tags: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => key !== NOTE_TAG));

function Metrics({ run }: { run: Run }) {
  const [text, setText] = useState("");
  const rows = useMemo(() => {
    const wanted = keyFilter(text);
    return Object.entries(run.metrics)
      .filter(([key]) => !isSystem(key) && wanted(key))
      .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  }, [run.metrics, text]);
  const count = Object.keys(run.metrics).filter((key) => !isSystem(key)).length;
  return (
    <Card
      flush
      title="Metrics"
      note={count}
      actions={
        count > 8 ? (
          <SearchInput value={text} onValue={setText} placeholder="Find a metric" className="w-48" />
        ) : null
      }
    >
      {count === 0 ? <p className="p-4 text-ink-3">No metrics were logged.</p> : null}
      <div className="max-h-[28rem] overflow-auto">
        <table className="w-full text-sm">
          <thead className="sticky top-0 bg-surface text-xs text-ink-3">
            <tr className="border-b border-line text-right">
              <th scope="col" className="px-4 py-2 text-left font-medium">
                Name
              </th>
              {["Last", "Min", "Max", "Step", "Points"].map((each) => (
                <th
                  key={each}
                  scope="col"
                  className="px-3 py-2 font-medium last:pr-4 max-sm:nth-[n+4]:hidden max-2xl:last:hidden max-2xl:nth-[5]:pr-4"
                >
                  {each}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([key, metric]) => (
              <tr
                key={key}
                className="border-b border-line/60 text-right tabular last:border-0 hover:bg-hover"
              >
                <td className="w-full max-w-0 px-4 py-1.5 text-left">
                  <Link
                    to="."
                    search={{ tab: "charts", full: key }}
                    className="block truncate hover:text-accent-ink hover:underline"
                    title={key}
                  >
                    {key}
                  </Link>
                </td>
                <td className="w-20 whitespace-nowrap px-3 font-medium">
                  {shortNumber(toNumber(metric.value))}
                </td>
                <td className="w-20 whitespace-nowrap px-3 text-ink-2">
                  {metric.min === null ? "–" : shortNumber(toNumber(metric.min))}
                </td>
                <td className="w-20 whitespace-nowrap px-3 text-ink-2 max-sm:hidden">
                  {metric.max === null ? "–" : shortNumber(toNumber(metric.max))}
                </td>
                <td className="w-20 whitespace-nowrap px-3 text-ink-3 max-sm:hidden max-2xl:pr-4">
                  {metric.step.toLocaleString("en-US")}
                </td>
                <td className="w-20 whitespace-nowrap px-4 text-ink-3 max-2xl:hidden">
                  {metric.count.toLocaleString("en-US")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Values({
  title,
  values,
  empty,
  actions,
  remove,
}: {
  title: string;
  values: Record<string, string>;
  empty: string;
  actions?: ReactNode;
  /** What takes one of them away, for those that can be. */
  remove?: (key: string) => ReactNode;
}) {
  const [text, setText] = useState("");
  const all = Object.entries(values).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const words = text.toLowerCase();
  const rows = all.filter(
    ([key, value]) => key.toLowerCase().includes(words) || value.toLowerCase().includes(words),
  );
  return (
    <Card
      flush
      title={title}
      note={all.length || undefined}
      actions={
        all.length > 8 || actions ? (
          <>
            {all.length > 8 ? (
              <SearchInput
                value={text}
                onValue={setText}
                placeholder={`Find in ${title.toLowerCase()}`}
                className="w-48"
              />
            ) : null}
            {actions}
          </>
        ) : null
      }
    >
      {all.length === 0 ? <p className="p-4 text-ink-3">{empty}</p> : null}
      <dl className="max-h-[28rem] overflow-auto">
        {rows.slice(0, 2000).map(([key, value]) => (
          <div
            key={key}
            className="group grid grid-cols-[minmax(7rem,2fr)_minmax(0,3fr)] gap-4 border-b border-line/60 px-4 py-1.5 last:border-0 hover:bg-hover"
          >
            <dt className="truncate text-ink-2" title={key}>
              {key}
            </dt>
            <dd className="flex min-w-0 items-start gap-1">
              <span
                className="line-clamp-3 min-w-0 font-mono text-xs leading-5 break-words"
                title={value.length > 120 ? value : undefined}
              >
                {value}
              </span>
              <CopyButton
                text={value}
                className="size-5 opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
              />
              {remove ? <span className="ml-auto">{remove(key)}</span> : null}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Lineage({ run }: { run: Run }) {
  const { data, error, isPending } = useQuery(queries.lineageDraft(run.run_id));
  return (
    <Card title="Lineage" note="as a registration would see it now" flush>
      {isPending ? (
        <SkeletonRows rows={5} />
      ) : error ? (
        <Failure error={error} compact />
      ) : (
        <LineageFacts
          values={data.fields}
          origins={data.origins}
          fingerprint={data.fingerprint}
          note={data.problem ?? undefined}
        />
      )}
    </Card>
  );
}

function Registered({ runId }: { runId: string }) {
  const { data } = useQuery(queries.versionsOfRun(runId));
  if (!data?.length) return null;
  return (
    <Card title="Registered versions" flush>
      <ul className="divide-y divide-line">
        {data.map((each) => (
          <li key={`${each.model}/${each.version}`}>
            <Link
              to="/models/$name/versions/$version"
              params={{ name: each.model, version: String(each.version) }}
              className="flex items-center gap-2 px-4 py-2.5 hover:bg-hover"
            >
              <span className="font-medium">{each.model}</span>
              <span className="text-ink-3">v{each.version}</span>
              <span className="ml-auto flex gap-1">
                {each.aliases.map((alias) => (
                  <Badge key={alias} tone="accent">
                    {alias}
                  </Badge>
                ))}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Evals({ runId }: { runId: string }) {
  const { data } = useQuery(queries.evals(runId));
  if (!data?.length) return null;
  return (
    <Card title="Eval results" note="claimed by the run itself" flush>
      <table className="w-full text-sm">
        <tbody>
          {data.map((each) => (
            <tr key={`${each.suite} ${each.metric}`} className="border-b border-line/60 last:border-0">
              <td className="px-4 py-2">
                <span className="block font-medium">{each.metric}</span>
                <span className="block max-w-52 truncate text-xs text-ink-3" title={each.suite}>
                  {each.suite}
                </span>
              </td>
              <td className="px-4 text-right tabular">
                {shortNumber(toNumber(each.value))}
                {each.items ? <span className="block text-xs text-ink-3">{each.items} items</span> : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Inputs({ run }: { run: Run }) {
  if (run.inputs.length === 0) return null;
  return (
    <Card title="Datasets">
      <Facts>
        {run.inputs.map(({ dataset, tags }) => (
          <Fact
            key={`${dataset.name} ${dataset.digest}`}
            name={tags.context ?? tags["mlflow.data.context"] ?? "input"}
          >
            <span className="block font-medium">{dataset.name}</span>
            <Digest value={dataset.digest} />
          </Fact>
        ))}
      </Facts>
    </Card>
  );
}

function Children({ run }: { run: Run }) {
  const search = (tag: string) => ({
    experimentIds: [run.experiment_id],
    filter: `tags.\`${tag}\` = '${run.run_id}'`,
  });
  const mlflow = useQuery(queries.someRuns(search("mlflow.parentRunId"), 50)).data ?? [];
  const native = useQuery(queries.someRuns(search("assay.parent_run_id"), 50)).data ?? [];
  const found = [...new Map([...mlflow, ...native].map((each) => [each.run_id, each])).values()];
  if (found.length === 0) return null;
  return (
    <Card title="Nested runs" note={found.length} flush>
      <ul className="divide-y divide-line">
        {found.map((each) => (
          <li key={each.run_id}>
            <Link
              to="/runs/$runId"
              params={{ runId: each.run_id }}
              className="flex items-center gap-3 px-4 py-2 hover:bg-hover"
            >
              <RunStatus status={each.status} compact />
              <span className="min-w-0 flex-1 truncate font-medium">{each.name}</span>
              <Moment at={each.started_at_ms} className="text-xs text-ink-3" />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
