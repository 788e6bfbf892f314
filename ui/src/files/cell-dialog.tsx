import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronUp } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "@/design/button";
import { Modal } from "@/design/dialog";
import { CopyButton } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import type { Cell, TableColumn } from "./cell";
import { LargeMedium } from "./media-cell";
import { isMedium } from "./table-looks";

/** One cell in full, with a way to the same column of the rows beside it. */
export function CellDialog({
  column,
  row,
  rowCount,
  cell,
  folder,
  whole,
  onRow,
  onClose,
}: {
  column: TableColumn;
  row: number;
  rowCount: number;
  cell: Cell;
  folder?: string;
  whole?: () => Promise<Cell>;
  onRow: (row: number) => void;
  onClose: () => void;
}) {
  const isPart = !!cell.isCut && whole !== undefined;
  const { data, error, isPending } = useQuery({
    queryKey: ["cell", column.name, row, cell.text],
    queryFn: () => whole!(),
    enabled: isPart,
    retry: false,
    gcTime: 0,
  });
  const shown = shortened(data ?? cell);
  let content: ReactNode = <Value cell={shown} />;
  if (isMedium(cell)) content = <LargeMedium cell={cell} folder={folder} />;
  else if (isPart && isPending) content = <SkeletonRows rows={3} />;
  return (
    <Modal
      open
      onClose={onClose}
      width="lg"
      title={column.name}
      note={
        <>
          Row {(row + 1).toLocaleString("en-US")}
          {column.type ? <code className="ml-2 font-mono text-xs break-all">{column.type}</code> : null}
        </>
      }
      footer={
        <>
          {isMedium(cell) ? null : (
            <CopyButton text={shown.text} label="Copy the value" className="mr-auto" />
          )}
          <IconButton label="Row above" disabled={row === 0} onClick={() => onRow(row - 1)}>
            <ChevronUp />
          </IconButton>
          <IconButton label="Row below" disabled={row >= rowCount - 1} onClick={() => onRow(row + 1)}>
            <ChevronDown />
          </IconButton>
        </>
      }
    >
      {error ? <Failure compact error={error} /> : null}
      {content}
      {shown.isCut && !(isPart && isPending) ? (
        <p className="mt-2 text-xs text-ink-3">There is more of it: download the file to read it all.</p>
      ) : null}
    </Modal>
  );
}

const MOST_SHOWN = 2 * 1024 * 1024;

const shortened = (cell: Cell): Cell =>
  cell.text.length > MOST_SHOWN ? { ...cell, text: cell.text.slice(0, MOST_SHOWN), isCut: true } : cell;

function Value({ cell }: { cell: Cell }) {
  if (cell.is === "null") return <p className="text-ink-3 italic">null</p>;
  if (cell.is === "unread")
    return <p className="text-ink-3">Too large to be fetched here. Download the file.</p>;
  if (cell.is === "binary") return <p className="text-ink-2">{cell.text} of binary data</p>;
  if (cell.text === "") return <p className="text-ink-3 italic">The text is empty.</p>;
  return (
    // It scrolls by itself, so that the keyboard can scroll it.
    <pre
      tabIndex={0}
      className="max-h-[52vh] overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap"
    >
      {cell.is === "nested" ? pretty(cell) : cell.text}
    </pre>
  );
}

/** Indented without being read again, so that no digit of a large number is lost. */
function pretty(cell: Cell): string {
  if (cell.isCut) return cell.text;
  let depth = 0;
  let isText = false;
  let out = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (let at = 0; at < cell.text.length; at += 1) {
    const sign = cell.text[at]!;
    if (isText) {
      out += sign;
      if (sign === "\\") {
        at += 1;
        out += cell.text[at] ?? "";
      } else if (sign === '"') isText = false;
    } else if (sign === '"') {
      isText = true;
      out += sign;
    } else if (sign === "{" || sign === "[") {
      const isEmpty = cell.text[at + 1] === "}" || cell.text[at + 1] === "]";
      depth += 1;
      out += isEmpty ? sign : sign + line();
    } else if (sign === "}" || sign === "]") {
      depth -= 1;
      out += /[[{]$/.test(out) ? sign : line() + sign;
    } else if (sign === ",") {
      out += `,${line()}`;
      if (cell.text[at + 1] === " ") at += 1;
    } else out += sign;
  }
  return out;
}
