import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { filePath, send } from "@/api/client";
import { Button } from "@/design/button";
import { Segmented } from "@/design/field";
import { Markdown } from "@/design/markdown";
import { Failure, SkeletonRows } from "@/design/states";
import { bytes, plural } from "@/format/number";
import { type JsonTable, jsonCell, readJsonLines, readTableFile, textCell } from "./json-cells";
import { type FileKind, parseCsv } from "./kinds";
import { DataTable } from "./table";
import type { ViewedFile } from "./viewer";

const MIB = 1024 * 1024;
/** How much of a file is fetched at once, and how much of it at most. */
const PART = MIB;
const MOST_PARTS = 8;
/** A JSON table is of use only as a whole. */
const MOST_TABLE = 32 * MIB;
const MOST_ROWS = 100_000;

/** A file that is read: as text, or as the table that is in it. Of a long one only the beginning is fetched. */
export function TextFile({ file, kind }: { file: ViewedFile; kind: FileKind }) {
  const part = /\.table\.json$/i.test(file.path) && file.sizeBytes <= MOST_TABLE ? MOST_TABLE : PART;
  const pages = useInfiniteQuery({
    queryKey: ["file", file.sha256, "text"],
    queryFn: async ({ pageParam: from, signal }) => {
      const isWhole = from === 0 && file.sizeBytes <= part;
      const headers: Record<string, string> = isWhole ? {} : { range: `bytes=${from}-${from + part - 1}` };
      return (await send("GET", file.url, { headers, signal })).arrayBuffer();
    },
    initialPageParam: 0,
    getNextPageParam: (_, all) => {
      const read = all.reduce((sum, each) => sum + each.byteLength, 0);
      return read < file.sizeBytes && all.length < MOST_PARTS ? read : undefined;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const parts = pages.data?.pages;
  const text = useMemo(() => (parts ? decoded(parts) : ""), [parts]);
  if (pages.isPending) return <SkeletonRows />;
  if (pages.error) return <Failure error={pages.error} compact />;
  const read = pages.data.pages.reduce((sum, each) => sum + each.byteLength, 0);
  const isCut = read < file.sizeBytes;
  return (
    <div className="flex h-full min-h-0 flex-col">
      {isCut ? (
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-soft px-4 py-1.5 text-xs text-warn tabular">
          <span>The first {bytes(read)} are shown.</span>
          {pages.hasNextPage ? (
            <Button
              size="sm"
              className="ml-auto"
              busy={pages.isFetchingNextPage}
              onClick={() => void pages.fetchNextPage()}
            >
              Load {bytes(Math.min(PART, file.sizeBytes - read))} more
            </Button>
          ) : null}
        </div>
      ) : null}
      <Shown kind={kind} text={text} file={file} isCut={isCut} />
    </div>
  );
}

function decoded(parts: readonly ArrayBuffer[]): string {
  const decoder = new TextDecoder();
  return parts.map((each) => decoder.decode(each, { stream: true })).join("");
}

function Shown({
  kind,
  text,
  file,
  isCut,
}: {
  kind: FileKind;
  text: string;
  file: ViewedFile;
  isCut: boolean;
}): ReactNode {
  const { path } = file;
  if (kind === "csv") return <Csv text={text} path={path} isCut={isCut} />;
  if (kind === "jsonl") return <JsonLines text={text} isCut={isCut} />;
  if (kind === "markdown") {
    return (
      <div className="max-w-3xl p-5">
        <Markdown text={text} />
      </div>
    );
  }
  if (kind === "json") return <Json text={text} file={file} isCut={isCut} />;
  return <Lines text={text} />;
}

function Json({ text, file, isCut }: { text: string; file: ViewedFile; isCut: boolean }) {
  const table = useMemo(() => (isCut ? null : readTableFile(file.path, text)), [file.path, text, isCut]);
  if (!table) return <Lines text={isCut ? text : pretty(text)} />;
  const folder = file.url.slice(0, file.url.length - filePath(file.path).length);
  return <JsonRows label="Rows of the table" table={table} folder={folder} />;
}

function Csv({ text, path, isCut }: { text: string; path: string; isCut: boolean }) {
  const rows = useMemo(() => {
    const parsed = parseCsv(text, /\.tsv$/i.test(path) ? "\t" : ",", MOST_ROWS + 1);
    // What was cut off in its middle would be a wrong row.
    return isCut && parsed.length > 2 ? parsed.slice(0, -1) : parsed;
  }, [text, path, isCut]);
  return (
    <Switched
      note={`${plural(Math.max(0, rows.length - 1), "row")}${isCut ? " so far" : ""}`}
      table={<TextTable label="Rows of the file" rows={rows} />}
      text={text}
    />
  );
}

function JsonLines({ text, isCut }: { text: string; isCut: boolean }) {
  const table = useMemo(() => readJsonLines(text, isCut, MOST_ROWS), [text, isCut]);
  if (!table) return <Lines text={text} />;
  return (
    <Switched
      note={`${plural(table.rows.length, "row")}${isCut ? " so far" : ""}`}
      table={<JsonRows label="Rows of the file" table={table} />}
      text={text}
    />
  );
}

/** The same content as a table and as it is written. */
function Switched({ table, text, note }: { table: ReactNode; text: string; note: string }) {
  const [as, setAs] = useState<"table" | "text">("table");
  return (
    <>
      <div className="flex items-center gap-3 border-b border-line px-4 py-1.5 text-xs text-ink-3 tabular">
        <span className="flex-1">{note}</span>
        <Segmented
          label="Shown as"
          value={as}
          onValue={setAs}
          options={[
            { value: "table", label: "Table" },
            { value: "text", label: "Text" },
          ]}
        />
      </div>
      <div className={as === "table" ? "min-h-0 flex-1" : "min-h-0 flex-1 overflow-auto"}>
        {as === "table" ? table : <Lines text={text} />}
      </div>
    </>
  );
}

/** A table of a JSON document, whose media are below `folder`. */
export function JsonRows({ table, folder, label }: { table: JsonTable; folder?: string; label: string }) {
  const columns = useMemo(() => table.columns.map((name) => ({ name })), [table]);
  const cellAt = useMemo(() => {
    const known = new Map<string, ReturnType<typeof jsonCell>>();
    return (row: number, column: number) => {
      const key = `${row} ${column}`;
      let cell = known.get(key);
      if (!cell) {
        cell = jsonCell(table.rows[row]?.[column]);
        if (known.size < 50_000) known.set(key, cell);
      }
      return cell;
    };
  }, [table]);
  return (
    <DataTable label={label} columns={columns} rowCount={table.rows.length} cellAt={cellAt} folder={folder} />
  );
}

/** Rows of text, the names of the columns first. */
export function TextTable({ rows, label }: { rows: readonly (readonly string[])[]; label: string }) {
  const columns = useMemo(() => (rows[0] ?? []).map((name) => ({ name })), [rows]);
  const cellAt = useMemo(
    () => (row: number, column: number) => textCell(rows[row + 1]?.[column] ?? ""),
    [rows],
  );
  if (rows.length === 0) return <p className="p-4 text-ink-3">The table is empty.</p>;
  return <DataTable label={label} columns={columns} rowCount={rows.length - 1} cellAt={cellAt} />;
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Lines({ text }: { text: string }) {
  const count = text.split("\n").length;
  return (
    <div className="flex min-w-max font-mono text-xs leading-5">
      <pre
        aria-hidden
        className="sticky left-0 border-r border-line bg-surface px-3 py-3 text-right text-ink-3 select-none"
      >
        {Array.from({ length: Math.min(count, 20_000) }, (_, index) => index + 1).join("\n")}
      </pre>
      <pre className="px-4 py-3">{text}</pre>
    </div>
  );
}
