import { FileWarning } from "lucide-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { send } from "@/api/client";
import { Button } from "@/design/button";
import { Select } from "@/design/field";
import { Empty, messageOf, SkeletonRows } from "@/design/states";
import { plural } from "@/format/number";
import type { Cell } from "../cell";
import { DataTable } from "../table";
import { ParquetFile } from "./file";
import type { About, ReadColumn } from "./read";

const ROWS = 1_000;
const MOST_ROWS = 20_000;
const COLUMNS = 50;

interface Place {
  url: string;
  sizeBytes: number;
}

/** A Parquet file as a table, of which only the footer and the rows that are looked at are fetched. */
export default function ParquetView({ url, sizeBytes }: Place) {
  const [attempt, setAttempt] = useState(0);
  const { file, about, error } = useParquetFile(url, sizeBytes, attempt);
  const onAgain = () => setAttempt(attempt + 1);
  if (error) return <Unreadable error={error} onAgain={onAgain} />;
  if (!about || !file) return <SkeletonRows rows={10} />;
  return <Opened key={attempt} file={file} about={about} onAgain={onAgain} />;
}

interface Open {
  file: ParquetFile | null;
  about: About | null;
  error: unknown;
}

const CLOSED: Open = { file: null, about: null, error: null };

/** The file with a reader of its own, which ends with the view. */
function useParquetFile(url: string, sizeBytes: number, attempt: number): Open {
  const [open, setOpen] = useState<Open>(CLOSED);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt has a new reader
  useEffect(() => {
    const control = new AbortController();
    const file = new ParquetFile(async (from, to) => {
      const headers = { range: `bytes=${from}-${to - 1}` };
      return (await send("GET", url, { headers, signal: control.signal })).arrayBuffer();
    });
    file.open(sizeBytes).then(
      (about) => setOpen({ file, about, error: null }),
      (error) => control.signal.aborted || setOpen({ file: null, about: null, error }),
    );
    return () => {
      control.abort();
      file.close();
      setOpen(CLOSED);
    };
  }, [url, sizeBytes, attempt]);
  return open;
}

function Unreadable({ error, onAgain }: { error: unknown; onAgain: () => void }) {
  return (
    <Empty
      icon={<FileWarning />}
      title="This Parquet file cannot be shown"
      action={
        <Button size="sm" onClick={onAgain}>
          Try again
        </Button>
      }
    >
      <p role="alert">{messageOf(error)}</p>
      <p className="text-ink-3">Download it to look at it with other tools.</p>
    </Empty>
  );
}

/** What was read so far, by the first of its rows. */
type Loaded = ReadonlyMap<number, readonly ReadColumn[]>;

function Opened({ file, about, onAgain }: { file: ParquetFile; about: About; onAgain: () => void }) {
  const [firstColumn, setFirstColumn] = useState(0);
  const [wanted, setWanted] = useState(Math.min(ROWS, about.rowCount));
  const columns = useMemo(
    () => about.columns.slice(firstColumn, firstColumn + COLUMNS),
    [about, firstColumn],
  );
  const { loaded, error } = useRows(file, wanted, firstColumn, columns.length);
  const rowCount = Math.min(wanted, loaded.size * ROWS);
  const cellAt = useCallback(
    (row: number, column: number): Cell => {
      const read = loaded.get(row - (row % ROWS))?.[column];
      return read?.cells[row % ROWS] ?? { is: "unread", text: "" };
    },
    [loaded],
  );
  if (error && rowCount === 0) return <Unreadable error={error} onAgain={onAgain} />;
  const isBusy = rowCount < wanted && !error;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-xs text-ink-3 tabular">
        <span className="font-medium text-ink-2">{plural(about.rowCount, "row")}</span>
        <span>{plural(about.columns.length, "column")}</span>
        <span>{plural(about.groupCount, "row group")}</span>
        {about.codecs.length > 0 ? (
          <span>{about.codecs.join(", ").toLowerCase().replaceAll("_", " ")}</span>
        ) : null}
        {about.writtenBy ? <span className="min-w-0 truncate">{about.writtenBy}</span> : null}
        {about.columns.length > COLUMNS ? (
          <ColumnsShown count={about.columns.length} first={firstColumn} onFirst={setFirstColumn} />
        ) : null}
      </div>
      <Problems names={columns.map((each) => each.name)} loaded={loaded} />
      {about.rowCount === 0 ? (
        <NoRows about={about} />
      ) : rowCount === 0 ? (
        <SkeletonRows rows={10} />
      ) : (
        <div className="min-h-0 flex-1">
          <DataTable
            key={firstColumn}
            label="Rows of the file"
            columns={columns}
            rowCount={rowCount}
            cellAt={cellAt}
            wholeCell={(row, column) => file.cell(row, firstColumn + column)}
          />
        </div>
      )}
      {error && rowCount > 0 ? (
        <p role="alert" className="border-t border-line px-4 py-2 text-xs text-warn">
          {messageOf(error)}
        </p>
      ) : null}
      {about.rowCount > ROWS ? (
        <div className="flex flex-wrap items-center gap-3 border-t border-line px-4 py-2 text-xs text-ink-3 tabular">
          <span>
            Rows 1 to {rowCount.toLocaleString("en-US")} of {about.rowCount.toLocaleString("en-US")}
          </span>
          {wanted >= about.rowCount ? null : wanted >= MOST_ROWS ? (
            <span>Download the file for the others.</span>
          ) : (
            <Button
              size="sm"
              busy={isBusy}
              disabled={!!error}
              onClick={() => setWanted(Math.min(wanted + ROWS, about.rowCount))}
            >
              Load {Math.min(ROWS, about.rowCount - wanted).toLocaleString("en-US")} more
            </Button>
          )}
        </div>
      ) : null}
    </div>
  );
}

/** Reads block after block until as many rows are there as are wanted. */
function useRows(file: ParquetFile, wanted: number, firstColumn: number, columnCount: number) {
  const [state, setState] = useState<{ of: number; loaded: Loaded }>({ of: firstColumn, loaded: new Map() });
  const [error, setError] = useState<unknown>(null);
  const loaded = useMemo(
    () => (state.of === firstColumn ? state.loaded : new Map()),
    [state, firstColumn],
  ) as Loaded;
  const next = loaded.size * ROWS;
  useEffect(() => {
    if (next >= wanted) return;
    let isCurrent = true;
    file.rows(next, ROWS, firstColumn, columnCount).then(
      (found) => {
        if (!isCurrent) return;
        setError(null);
        setState({ of: firstColumn, loaded: new Map(loaded).set(next, found) });
      },
      (problem) => isCurrent && setError(problem),
    );
    return () => {
      isCurrent = false;
    };
  }, [file, wanted, next, firstColumn, columnCount, loaded]);
  return { loaded, error };
}

/** The columns of which something could not be read, with the reason. */
function Problems({ names, loaded }: { names: readonly string[]; loaded: Loaded }) {
  const found = new Map<string, string>();
  for (const columns of loaded.values()) {
    columns.forEach((column, at) => {
      if (column.problem && !found.has(names[at]!)) found.set(names[at]!, column.problem);
    });
  }
  if (found.size === 0) return null;
  return (
    <ul className="max-h-24 overflow-y-auto border-b border-line bg-warn-soft px-4 py-1.5 text-xs text-warn">
      {[...found].slice(0, 20).map(([name, problem]) => (
        <li key={name}>
          <span className="font-medium">{name}</span>: {problem}
        </li>
      ))}
    </ul>
  );
}

function ColumnsShown({
  count,
  first,
  onFirst,
}: {
  count: number;
  first: number;
  onFirst: (first: number) => void;
}) {
  const starts = Array.from({ length: Math.ceil(count / COLUMNS) }, (_, index) => index * COLUMNS);
  return (
    <Select
      aria-label="Which columns"
      className="ml-auto !h-7 !text-xs"
      value={first}
      onChange={(event) => onFirst(Number(event.target.value))}
    >
      {starts.slice(0, 2000).map((start) => (
        <option key={start} value={start}>
          Columns {(start + 1).toLocaleString("en-US")} to{" "}
          {Math.min(count, start + COLUMNS).toLocaleString("en-US")}
        </option>
      ))}
    </Select>
  );
}

/** A file of columns alone. */
function NoRows({ about }: { about: About }) {
  return (
    <div className="p-4 text-sm">
      <p className="text-ink-3">It has no rows. Its columns:</p>
      <ul className="mt-2 space-y-1">
        {about.columns.slice(0, 200).map((each, index) => (
          <li key={index}>
            {each.name} <code className="font-mono text-xs text-ink-3">{each.type}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
