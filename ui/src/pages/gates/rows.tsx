import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import * as queries from "@/api/queries";
import type { GateRun } from "@/api/types";
import { Button } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Segmented } from "@/design/field";
import { Failure, SkeletonRows } from "@/design/states";
import { Score } from "../models/outcome";

const LINE = 32;
type Which = "all" | "wrong";

/** What was measured on each item of an exam; its questions and answers are shown to nobody. */
export function GateRowsDialog({ run, onClose }: { run: GateRun; onClose: () => void }) {
  const pages = useInfiniteQuery(queries.gateRunRows(run.gate_run_id));
  const [which, setWhich] = useState<Which>("all");
  const verdict = run.verdict;
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.rows ?? []) ?? [], [pages.data]);
  const metrics = useMemo(() => [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))], [rows]);
  const shown =
    which === "all" ? rows : rows.filter((row) => Object.values(row.metrics).some((each) => !each));
  const isWithheld = pages.data?.pages[0]?.rows === null;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 12,
  });
  return (
    <Modal
      open
      onClose={onClose}
      width="lg"
      title={`${run.model} v${run.version} under ${run.gate} v${run.gate_version}`}
      note={
        verdict ? (
          <>
            <Score text={verdict.score} /> over {verdict.items.toLocaleString("en-US")} items, handed in by{" "}
            {verdict.runner}. The score is the server's own average of these rows.
          </>
        ) : undefined
      }
    >
      {pages.isPending ? (
        <SkeletonRows />
      ) : pages.error ? (
        <Failure error={pages.error} onRetry={() => void pages.refetch()} />
      ) : isWithheld ? (
        <p className="text-ink-2">
          Your roles show the averages only. Whoever may write gates, or audits, sees the items.
        </p>
      ) : (
        <>
          <div className="mb-3 flex flex-wrap items-center gap-3">
            <Segmented<Which>
              label="Which items"
              value={which}
              onValue={setWhich}
              options={[
                { value: "all", label: "All items" },
                { value: "wrong", label: "With a zero" },
              ]}
            />
            <span className="text-xs text-ink-3 tabular">{shown.length.toLocaleString("en-US")} items</span>
            {pages.hasNextPage ? (
              <Button size="sm" busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
                More items
              </Button>
            ) : null}
          </div>
          <div className="overflow-hidden rounded-lg border border-line">
            <div className="flex border-b border-line bg-sunken text-xs font-medium text-ink-3">
              <span className="flex-1 px-3 py-2">Item</span>
              {metrics.map((each) => (
                <span key={each} className="w-28 truncate px-3 py-2 text-right" title={each}>
                  {each}
                </span>
              ))}
            </div>
            <div
              ref={scroller}
              tabIndex={0}
              role="region"
              aria-label="Items"
              className="h-80 overflow-y-auto"
            >
              <div className="relative" style={{ height: virtual.getTotalSize() }}>
                {virtual.getVirtualItems().map((item) => {
                  const row = shown[item.index]!;
                  return (
                    <div
                      key={item.key}
                      className="absolute inset-x-0 top-0 flex items-center border-b border-line/60 text-sm tabular"
                      style={{ height: LINE, transform: `translateY(${item.start}px)` }}
                    >
                      <span className="min-w-0 flex-1 truncate px-3 font-mono text-xs">{row.item_id}</span>
                      {metrics.map((each) => (
                        <span key={each} className="w-28 px-3 text-right">
                          {row.metrics[each] === undefined ? "–" : String(row.metrics[each])}
                        </span>
                      ))}
                    </div>
                  );
                })}
              </div>
            </div>
          </div>
        </>
      )}
    </Modal>
  );
}
