import { ArrowDown, ArrowUp, Columns3, RotateCcw, X } from "lucide-react";
import { useMemo, useState } from "react";
import { Button, IconButton } from "@/design/button";
import { SearchInput } from "@/design/field";
import { Popover } from "@/design/menu";
import { type Column, type ColumnKind, columnOf } from "./columns";

const TITLES: Record<ColumnKind, string> = {
  attribute: "Run",
  metric: "Metrics",
  param: "Params",
  tag: "Tags",
};
const MOST = 200;

/** Which columns the table has. */
export function ColumnPicker({
  all,
  chosen,
  onChosen,
}: {
  all: readonly Column[];
  chosen: readonly string[];
  onChosen: (ids: string[] | undefined) => void;
}) {
  const [text, setText] = useState("");
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((each) => words.every((word) => each.id.toLowerCase().includes(word)));
  }, [all, text]);
  const set = new Set(chosen);
  const toggle = (id: string) =>
    onChosen(set.has(id) ? chosen.filter((each) => each !== id) : [...chosen, id]);

  return (
    <Popover
      label="Columns"
      className="w-80"
      trigger={
        <Button>
          <Columns3 /> <span className="max-sm:sr-only">Columns</span>
        </Button>
      }
    >
      <div className="flex items-center gap-1 p-1">
        <SearchInput value={text} onValue={setText} placeholder="Find a column" className="flex-1" />
        <Button
          variant="ghost"
          onClick={() => onChosen(undefined)}
          title="Back to the columns chosen by Assay"
        >
          <RotateCcw />
          <span className="sr-only">Reset</span>
        </Button>
      </div>
      <div className="max-h-96 overflow-y-auto p-1">
        {text ? null : <Shown chosen={chosen} onChosen={onChosen} />}
        {(Object.keys(TITLES) as ColumnKind[]).map((kind) => {
          const columns = shown.filter((each) => each.kind === kind);
          if (columns.length === 0) return null;
          return (
            <fieldset key={kind} className="mb-2">
              <legend className="px-1.5 py-1 text-2xs font-medium text-ink-3">
                {TITLES[kind]} · {columns.length}
              </legend>
              {columns.slice(0, MOST).map((column) => (
                <label
                  key={column.id}
                  className="flex min-h-7 items-center gap-2 rounded px-1.5 hover:bg-hover"
                >
                  <input
                    type="checkbox"
                    className="accent-accent"
                    checked={set.has(column.id)}
                    onChange={() => toggle(column.id)}
                  />
                  <span className="min-w-0 flex-1 truncate">{column.label}</span>
                </label>
              ))}
              {columns.length > MOST ? (
                <p className="px-1.5 text-xs text-ink-3">Type to find the other {columns.length - MOST}.</p>
              ) : null}
            </fieldset>
          );
        })}
        {shown.length === 0 ? <p className="p-3 text-center text-ink-3">No column of that name.</p> : null}
      </div>
    </Popover>
  );
}

/** The columns that there are, in their order; dragging the headings in the table does the same. */
function Shown({
  chosen,
  onChosen,
}: {
  chosen: readonly string[];
  onChosen: (ids: string[] | undefined) => void;
}) {
  const swap = (at: number, by: number) => {
    const next = [...chosen];
    [next[at], next[at + by]] = [next[at + by]!, next[at]!];
    onChosen(next);
  };
  return (
    <details className="mb-2">
      <summary className="rounded px-1.5 py-1 text-2xs font-medium text-ink-3 hover:bg-hover">
        Shown · {chosen.length}, arrange them
      </summary>
      <ol>
        {chosen.map((id, at) => (
          <li key={id} className="group flex min-h-7 items-center rounded pl-1.5 hover:bg-hover">
            <span className="min-w-0 flex-1 truncate" title={id}>
              {columnOf(id)?.label ?? id}
            </span>
            <span className="flex opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
              <IconButton label={`Move ${id} up`} disabled={at === 0} onClick={() => swap(at, -1)}>
                <ArrowUp />
              </IconButton>
              <IconButton
                label={`Move ${id} down`}
                disabled={at === chosen.length - 1}
                onClick={() => swap(at, 1)}
              >
                <ArrowDown />
              </IconButton>
              <IconButton
                label={`Remove the column ${id}`}
                onClick={() => onChosen(chosen.filter((each) => each !== id))}
              >
                <X />
              </IconButton>
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}
