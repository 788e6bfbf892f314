import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { MessagesSquare } from "lucide-react";
import { apiPath, send } from "@/api/client";
import * as queries from "@/api/queries";
import type { StepRecord } from "@/api/types";
import { Badge, type Tone } from "@/design/badge";
import { Button } from "@/design/button";
import { cx } from "@/design/cx";
import { Select } from "@/design/field";
import { Markdown } from "@/design/markdown";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { Framed } from "@/files/framed";
import { Rows } from "@/files/viewer";
import { bytes, shortNumber } from "@/format/number";
import { isConsole } from "./console";
import { mediumOf, RecordMedia } from "./record-media";
import { asText, type Completion, type PromptGroup, promptGroups, readTable } from "./sample-table";

const MOST_CONTENT = 8 * 1024 * 1024;

export function Samples({
  runId,
  chosenKey,
  step,
  onChoose,
}: {
  runId: string;
  chosenKey: string | undefined;
  step: number | undefined;
  onChoose: (change: { key?: string; step?: number }) => void;
}) {
  const keys = useQuery(queries.recordKeys(runId));
  const shown = keys.data?.filter((each) => !isConsole(each)) ?? [];
  const key = chosenKey ?? shown[0];
  if (keys.isPending) return <SkeletonRows />;
  if (keys.error) return <Failure error={keys.error} onRetry={() => void keys.refetch()} />;
  if (!key) {
    return (
      <Empty icon={<MessagesSquare />} title="No samples yet">
        <p>
          Texts, tables and pictures that a run records at a step are read here. Prompts with their
          completions are shown side by side.
        </p>
        <Snippet
          text={
            'run.log_table("completions", step=step, rows=[\n    {"prompt": prompt, "completion": text, "reward": reward, "advantage": advantage},\n])'
          }
        />
      </Empty>
    );
  }
  return <OfKey key={key} runId={runId} keys={shown} name={key} step={step} onChoose={onChoose} />;
}

function OfKey({
  runId,
  keys,
  name,
  step,
  onChoose,
}: {
  runId: string;
  keys: readonly string[];
  name: string;
  step: number | undefined;
  onChoose: (change: { key?: string; step?: number }) => void;
}) {
  const pages = useInfiniteQuery(queries.records(runId, name));
  const found = pages.data?.pages.flatMap((page) => page.records) ?? [];
  const at = step === undefined ? found.length - 1 : found.findIndex((each) => each.step === step);
  const record = found[at < 0 ? found.length - 1 : at];
  const move = (by: number) => onChoose({ step: found[at + by]?.step });
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label="Which samples"
          value={name}
          onChange={(event) => onChoose({ key: event.target.value, step: undefined })}
        >
          {keys.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
        {found.length > 0 ? (
          <>
            <Button onClick={() => move(-1)} disabled={at <= 0}>
              Earlier
            </Button>
            <Select
              aria-label="Step"
              value={record?.step}
              onChange={(event) => onChoose({ step: Number(event.target.value) })}
            >
              {found.map((each) => (
                <option key={each.step} value={each.step}>
                  Step {each.step.toLocaleString("en-US")}
                </option>
              ))}
            </Select>
            <Button onClick={() => move(1)} disabled={at >= found.length - 1}>
              Later
            </Button>
          </>
        ) : null}
        {pages.hasNextPage ? (
          <Button variant="ghost" onClick={() => void pages.fetchNextPage()}>
            More steps
          </Button>
        ) : null}
      </div>
      {pages.isPending ? (
        <SkeletonRows />
      ) : pages.error ? (
        <Failure error={pages.error} />
      ) : record ? (
        <Content runId={runId} record={record} />
      ) : (
        <p>Nothing under this key.</p>
      )}
    </div>
  );
}

function Content({ runId, record }: { runId: string; record: StepRecord }) {
  const isLong = record.payload === null;
  const medium = mediumOf(record.kind);
  const { data, error, isPending } = useQuery({
    queryKey: ["record", runId, record.key, record.step, record.sha256],
    queryFn: async ({ signal }) => {
      const query = { key: record.key, step: record.step };
      return (await send("GET", `${apiPath("runs", runId)}/records/content`, { query, signal })).text();
    },
    enabled: isLong && !medium && record.size_bytes <= MOST_CONTENT,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (medium) return <RecordMedia runId={runId} record={record} medium={medium} />;
  if (isLong && record.size_bytes > MOST_CONTENT)
    return <p className="text-ink-3">{bytes(record.size_bytes)}: too long to be shown here.</p>;
  if (isLong && isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} />;
  const text = record.payload ?? data ?? "";
  if (/html/.test(record.kind)) return <Framed html={text} label={`${record.key} at step ${record.step}`} />;
  const table = record.kind === "text" ? null : readTable(text);
  const groups = table && promptGroups(table);
  if (groups) return <Groups groups={groups} />;
  if (table) {
    return (
      <div className="overflow-auto rounded-lg border border-line bg-surface">
        <Rows rows={[table.columns, ...table.rows.map((row) => row.map(asText))]} />
      </div>
    );
  }
  return (
    <div className="rounded-lg border border-line bg-surface p-4">
      {record.kind === "markdown" ? (
        <Markdown text={text} />
      ) : (
        <pre className="font-mono text-xs leading-5 whitespace-pre-wrap">{text}</pre>
      )}
    </div>
  );
}

function Groups({ groups }: { groups: readonly PromptGroup[] }) {
  return (
    <div className="space-y-6">
      {groups.slice(0, 100).map((group, index) => (
        <section key={index} className="overflow-hidden rounded-lg border border-line bg-surface shadow-low">
          <header className="border-b border-line bg-sunken px-4 py-3">
            <p className="text-2xs font-medium text-ink-3">Prompt</p>
            <p className="mt-0.5 line-clamp-6 whitespace-pre-wrap">{group.prompt}</p>
            <Spread group={group} />
          </header>
          <div className="flex snap-x gap-px overflow-x-auto bg-line">
            {group.completions.map((each, at) => (
              <Answer key={at} completion={each} alone={group.completions.length === 1} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}

function Spread({ group }: { group: PromptGroup }) {
  const rewards = group.completions.flatMap((each) => (each.reward === null ? [] : [each.reward]));
  if (rewards.length < 2) return null;
  const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length;
  const spread = Math.sqrt(rewards.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rewards.length);
  return (
    <p className="mt-2 flex gap-4 text-xs text-ink-3 tabular">
      <span>{group.completions.length} completions</span>
      <span>mean reward {shortNumber(mean, 3)}</span>
      <span className={cx(spread === 0 && "text-warn")}>
        {spread === 0 ? "no spread: this group teaches nothing" : `spread ${shortNumber(spread, 3)}`}
      </span>
    </p>
  );
}

const toneOf = (value: number): Tone => (value > 0 ? "good" : value < 0 ? "bad" : "neutral");

function Answer({ completion, alone }: { completion: Completion; alone: boolean }) {
  return (
    <article
      className={cx(
        "flex max-h-96 shrink-0 snap-start flex-col bg-surface",
        alone ? "w-full" : "w-[min(22rem,80vw)] flex-1",
      )}
    >
      <div className="flex flex-wrap gap-1.5 px-4 pt-3">
        {completion.reward === null ? null : (
          <Badge tone={toneOf(completion.reward)}>reward {shortNumber(completion.reward, 3)}</Badge>
        )}
        {completion.advantage === null ? null : (
          <Badge tone={toneOf(completion.advantage)}>advantage {shortNumber(completion.advantage, 3)}</Badge>
        )}
        {completion.more.slice(0, 4).map(([name, value]) => (
          <Badge key={name}>
            {name} {typeof value === "number" ? shortNumber(value, 3) : asText(value).slice(0, 40)}
          </Badge>
        ))}
      </div>
      <pre className="min-h-0 flex-1 overflow-y-auto px-4 py-3 font-mono text-xs leading-5 whitespace-pre-wrap">
        {completion.text}
      </pre>
    </article>
  );
}
