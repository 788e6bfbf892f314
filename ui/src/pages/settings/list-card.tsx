import type { ReactNode } from "react";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Failure, SkeletonRows } from "@/design/states";

interface Asked<T> {
  data: readonly T[] | undefined;
  error: unknown;
  isPending: boolean;
}

/** A card with a list of what was asked for, how to add to it, and what it says while there is nothing. */
export function ListCard<T>({
  title,
  note,
  asked,
  head,
  row,
  empty,
  add,
  onAdd,
  children,
}: {
  title: string;
  note?: string;
  asked: Asked<T>;
  head: ReactNode[];
  row: (each: T) => ReactNode;
  empty: ReactNode;
  /** What the button says that adds to the list; nothing for whoever may not. */
  add: ReactNode;
  onAdd: () => void;
  /** The dialog that adds, while it is open. */
  children?: ReactNode;
}) {
  const { data, error, isPending } = asked;
  return (
    <Card
      title={title}
      note={note}
      flush
      actions={
        add ? (
          <Button size="sm" onClick={onAdd}>
            {add}
          </Button>
        ) : null
      }
    >
      {isPending ? (
        <SkeletonRows rows={2} />
      ) : error || !data ? (
        <Failure compact error={error} />
      ) : data.length === 0 ? (
        <div className="p-4 text-ink-2">{empty}</div>
      ) : (
        <Table label={title} head={head}>
          {data.map(row)}
        </Table>
      )}
      {children}
    </Card>
  );
}
