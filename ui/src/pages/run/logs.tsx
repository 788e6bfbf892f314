import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ScrollText } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { apiPath, filePath, send } from "@/api/client";
import * as queries from "@/api/queries";
import type { FileEntry, Run } from "@/api/types";
import { Button } from "@/design/button";
import { cx } from "@/design/cx";
import { SearchInput, Select } from "@/design/field";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { bytes } from "@/format/number";
import { clock } from "@/format/time";
import { moreLines } from "../snippets";
import { type ConsoleLine, consoleLine, isConsole, isLogFile } from "./console";

const LINE = 20;
const TAIL = 4 * 1024 * 1024;

/** What a run printed, as it recorded it line by line or as the file that it left behind. */
export function Logs({ run }: { run: Run }) {
  const keys = useQuery(queries.recordKeys(run.run_id));
  const files = useQuery(queries.artifacts(apiPath("runs", run.run_id), ""));
  const consoles = keys.data?.filter(isConsole) ?? [];
  const logs = files.data?.filter((each) => !each.is_folder && isLogFile(each.path)) ?? [];
  const sources = [...consoles, ...logs.map((each) => each.path)];
  const [chosen, setChosen] = useState<string | null>(null);
  const source = chosen ?? sources[0];
  if (keys.isPending || files.isPending) return <SkeletonRows />;
  const error = keys.error ?? files.error;
  if (error) return <Failure error={error} onRetry={() => void keys.refetch()} />;
  if (!source) {
    return (
      <Empty icon={<ScrollText />} title="Nothing was printed here">
        <p>
          Lines that a run records under <code className="font-mono">assay.console</code>, and a file named{" "}
          <code className="font-mono">output.log</code>, are read here while the run goes on:
        </p>
        <Snippet text={moreLines(run.run_id)} />
      </Empty>
    );
  }
  const picker =
    sources.length > 1 ? (
      <Select aria-label="Which log" value={source} onChange={(event) => setChosen(event.target.value)}>
        {sources.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </Select>
    ) : null;
  const file = logs.find((each) => each.path === source);
  return file ? (
    <FromFile key={source} run={run} file={file} picker={picker} />
  ) : (
    <FromRecords key={source} run={run} name={source} picker={picker} />
  );
}

interface PartProps {
  run: Run;
  picker: React.ReactNode;
}

function FromFile({ run, file, picker }: PartProps & { file: FileEntry }) {
  const size = file.size_bytes ?? 0;
  const { data, error, isPending } = useQuery({
    queryKey: ["file", file.sha256, "tail"],
    queryFn: async ({ signal }) => {
      const headers: Record<string, string> =
        size > TAIL ? { range: `bytes=${size - TAIL}-${size - 1}` } : {};
      const path = `${apiPath("runs", run.run_id)}/files/${filePath(file.path)}`;
      return (await send("GET", path, { headers, signal })).text();
    },
    enabled: size > 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const lines = useMemo(
    () => (data ?? "").split("\n").map((line) => consoleLine(line, file.path)),
    [data, file.path],
  );
  if (error) return <Failure error={error} />;
  if (isPending && size > 0) return <SkeletonRows />;
  return (
    <Lines
      lines={lines}
      picker={picker}
      note={size > TAIL ? `the last ${bytes(TAIL)} of ${bytes(size)}` : undefined}
    />
  );
}

function FromRecords({ run, name, picker }: PartProps & { name: string }) {
  const pages = useInfiniteQuery({
    ...queries.records(run.run_id, name),
    refetchInterval: run.status === "running" ? 3000 : false,
  });
  const lines = useMemo(
    () =>
      (pages.data?.pages ?? []).flatMap((page) =>
        page.records.flatMap((each) =>
          (each.payload ?? "").split("\n").map((line) => consoleLine(line, name, each.timestamp_ms)),
        ),
      ),
    [pages.data, name],
  );
  if (pages.error) return <Failure error={pages.error} onRetry={() => void pages.refetch()} />;
  if (pages.isPending) return <SkeletonRows />;
  return (
    <Lines
      lines={lines}
      picker={picker}
      onMore={pages.hasNextPage ? () => void pages.fetchNextPage() : undefined}
      follow={run.status === "running"}
    />
  );
}

function Lines({
  lines,
  picker,
  note,
  onMore,
  follow,
}: {
  lines: readonly ConsoleLine[];
  picker: React.ReactNode;
  note?: string;
  onMore?: () => void;
  follow?: boolean;
}) {
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text.toLowerCase());
  const shown = useMemo(
    () =>
      lines
        .map((line, index) => ({ line, number: index + 1 }))
        .filter(({ line }) => !wanted || line.text.toLowerCase().includes(wanted)),
    [lines, wanted],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 20,
  });
  useEffect(() => {
    if (follow && shown.length > 0) virtual.scrollToIndex(shown.length - 1);
  }, [follow, shown.length, virtual]);
  return (
    <section className="flex h-[calc(100dvh-15rem)] min-h-80 flex-col overflow-hidden rounded-lg border border-line bg-surface shadow-low">
      <header className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2">
        {picker}
        <SearchInput value={text} onValue={setText} placeholder="Find in the log" className="w-64" />
        <span className="text-xs text-ink-3 tabular">
          {wanted
            ? `${shown.length.toLocaleString("en-US")} of ${lines.length.toLocaleString("en-US")} lines`
            : `${lines.length.toLocaleString("en-US")} lines`}
          {note ? `, ${note}` : ""}
        </span>
        {onMore ? (
          <Button size="sm" className="ml-auto" onClick={onMore}>
            More lines
          </Button>
        ) : null}
      </header>
      <div
        ref={scroller}
        role="log"
        aria-label="What the run printed"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-auto py-2 font-mono text-xs outline-none focus-visible:ring-2 focus-visible:ring-accent/40 focus-visible:ring-inset"
      >
        <div className="relative min-w-max" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const { line, number } = shown[item.index]!;
            return (
              <div
                key={item.key}
                className={cx(
                  "absolute top-0 left-0 flex gap-4 pr-4 whitespace-pre",
                  line.isError && "text-bad",
                )}
                style={{ height: LINE, lineHeight: `${LINE}px`, transform: `translateY(${item.start}px)` }}
              >
                <span className="w-14 shrink-0 text-right text-ink-3 select-none">{number}</span>
                {line.atMs === null ? null : (
                  <time className="shrink-0 text-ink-3" dateTime={new Date(line.atMs).toISOString()}>
                    {clock(line.atMs)}
                  </time>
                )}
                <span>{line.text}</span>
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}
