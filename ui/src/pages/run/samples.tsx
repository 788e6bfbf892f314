import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { MessagesSquare } from "lucide-react";
import { useMemo } from "react";
import { apiPath, send } from "@/api/client";
import * as queries from "@/api/queries";
import type { StepRecord } from "@/api/types";
import { Button } from "@/design/button";
import { Select } from "@/design/field";
import { Markdown } from "@/design/markdown";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { Framed } from "@/files/framed";
import { bytes } from "@/format/number";
import { moreSamples } from "../snippets";
import { isConsole } from "./console";
import { HistogramsOverSteps } from "./histogram";
import { mediumOf, RecordMedia } from "./record-media";
import { readRecorded } from "./recorded";
import { RecordedFiles } from "./recorded-files";
import { readTable } from "./sample-table";
import { TableView } from "./table-view";

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
        <Snippet text={moreSamples(runId)} />
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
        <>
          <HistogramsOverSteps
            records={found}
            step={record.step}
            onStep={(chosen) => onChoose({ step: chosen })}
          />
          <Content key={`${record.key} ${record.step}`} runId={runId} record={record} />
        </>
      ) : (
        <p>Nothing under this key.</p>
      )}
    </div>
  );
}

function Content({ runId, record }: { runId: string; record: StepRecord }) {
  const isLong = record.payload === null;
  const recorded = useMemo(
    () => (record.payload === null ? null : readRecorded(record.payload)),
    [record.payload],
  );
  const medium = recorded ? null : mediumOf(record.kind);
  const { data, error, isPending } = useQuery({
    queryKey: ["record", runId, record.key, record.step, record.sha256],
    queryFn: async ({ signal }) => {
      const query = { key: record.key, step: record.step };
      return (await send("GET", `${apiPath("runs", runId)}/records/content`, { query, signal })).text();
    },
    enabled: isLong && !medium && record.size_bytes <= MOST_CONTENT,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (recorded?.is === "histogram") return null;
  if (recorded)
    return (
      <RecordedFiles
        runId={runId}
        recorded={recorded}
        tableKey={record.key}
        name={`${record.key} at step ${record.step.toLocaleString("en-US")}`}
      />
    );
  if (medium) return <RecordMedia runId={runId} record={record} medium={medium} />;
  if (isLong && record.size_bytes > MOST_CONTENT)
    return <p className="text-ink-3">{bytes(record.size_bytes)}: too long to be shown here.</p>;
  if (isLong && isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} />;
  const text = record.payload ?? data ?? "";
  if (/html/.test(record.kind)) return <Framed html={text} label={`${record.key} at step ${record.step}`} />;
  if (record.kind !== "text" && readTable(text))
    return <TableView text={text} folder={`${apiPath("runs", runId)}/files/`} />;
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
