import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { BookLock, Check, ChevronRight, ShieldAlert, ShieldCheck } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { post } from "@/api/client";
import * as queries from "@/api/queries";
import type { AuditReport, LedgerEvent } from "@/api/types";
import { failed } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Fact, Facts } from "@/design/card";
import { cx } from "@/design/cx";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Digest, Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { plural } from "@/format/number";
import { Checkpoints, Export } from "./checkpoints";
import { dayEnd, dayStart, titleOf } from "./events";
import { EVERYTHING, Filters, isFiltered } from "./filters";

const ROUTE = "/ledger";

export default function LedgerPage() {
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const pages = useInfiniteQuery(
    queries.ledger({
      object: search.object,
      action: search.action,
      actor: search.actor,
      outcome: search.outcome,
      text: search.text,
      from_ms: dayStart(search.from),
      to_ms: dayEnd(search.to),
    }),
  );
  const events = useMemo(() => pages.data?.pages.flatMap((page) => page.events) ?? [], [pages.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const set = (change: Partial<typeof search>) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true });
  const isPart = isFiltered(search);
  const wanted = search.event;
  const isBeyond = wanted !== undefined && events.length > 0 && (events.at(-1)?.seq ?? 0) > wanted;
  useEffect(() => {
    if (isBeyond && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isBeyond, hasNextPage, isFetchingNextPage, fetchNextPage]);

  return (
    <Page
      wide
      title="Ledger"
      meta="Every change of the registry, chained by digests. Nothing in it can be rewritten quietly."
    >
      <Verification />
      <Card className="mt-5" flush title="Events" note={isPart ? "filtered" : undefined}>
        <Filters key={isPart ? undefined : "all"} search={search} onChange={set} />
        {pages.isPending ? (
          <SkeletonRows />
        ) : pages.error ? (
          <Failure error={pages.error} onRetry={() => void pages.refetch()} />
        ) : events.length === 0 ? (
          <Empty
            icon={<BookLock />}
            title={isPart ? "No such event" : "Nothing has happened yet"}
            action={isPart ? <Button onClick={() => set(EVERYTHING)}>Show all events</Button> : null}
          >
            <p>Registrations, promotions, refusals and changes of roles appear here as they happen.</p>
          </Empty>
        ) : (
          <EventList
            events={events}
            open={search.event}
            onOpen={(seq) => set({ event: seq === search.event ? undefined : seq })}
            onEnd={() => hasNextPage && !isFetchingNextPage && void fetchNextPage()}
          />
        )}
      </Card>
      <div className="mt-5 grid items-start gap-5 xl:grid-cols-2">
        <Checkpoints />
        <Export from={search.from} to={search.to} />
      </div>
    </Page>
  );
}

function Verification() {
  const verify = useMutation({
    mutationFn: (deep: boolean) => post<AuditReport>("/ledger/verify", { deep }),
    onError: failed,
  });
  const report = verify.data;
  return (
    <section className="rounded-lg border border-line bg-surface p-5 shadow-low">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <span
          className={cx(
            "flex size-10 shrink-0 items-center justify-center rounded-full [&_svg]:size-5",
            !report
              ? "bg-sunken text-ink-3"
              : report.is_intact
                ? "bg-good-soft text-good"
                : "bg-bad-soft text-bad",
          )}
        >
          {report && !report.is_intact ? <ShieldAlert /> : <ShieldCheck />}
        </span>
        <div className="min-w-48 flex-1">
          <p className="font-semibold" aria-live="polite">
            {!report
              ? "Not verified in this session"
              : report.is_intact
                ? "Intact"
                : `${plural(report.finding_count, "finding")}: this database was changed from outside`}
          </p>
          <p className="text-ink-2">
            {report
              ? `${plural(report.events, "event")} replayed; ${plural(report.versions, "version")}, ${plural(report.moves, "move")}, ${plural(report.verdicts, "verdict")}${report.deep ? ` and ${plural(report.blobs, "file")} read again` : " compared"}; ${plural(report.checkpoints, "checkpoint")} checked.`
              : "Checks the chain, replays every event and compares the result with the tables."}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          <Button
            onClick={() => verify.mutate(true)}
            busy={verify.isPending && verify.variables}
            title="Also reads every file of every version again"
          >
            Verify with files
          </Button>
          <Button
            variant="primary"
            onClick={() => verify.mutate(false)}
            busy={verify.isPending && !verify.variables}
          >
            <Check /> Verify
          </Button>
        </div>
      </div>
      {report && report.findings.length > 0 ? (
        <ul className="mt-4 space-y-1 border-t border-line pt-4">
          {report.findings.map((each, index) => (
            <li key={index} className="text-bad">
              <span className="font-medium">{each.area}</span>: {each.message}
              {each.seq === null ? "" : ` (event ${each.seq})`}
            </li>
          ))}
        </ul>
      ) : null}
      {report ? (
        <div className="mt-4 flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line pt-3 text-xs text-ink-3">
          <span>Head: event {report.head.seq}</span>
          <Digest value={report.head.hash} length={24} />
          <span>The same, without this page:</span>
          <Snippet text="assay audit verify" className="min-w-52" />
        </div>
      ) : null}
    </section>
  );
}

const OUTCOME = { allowed: "good", denied: "warn", error: "bad" } as const;

function EventList({
  events,
  open,
  onOpen,
  onEnd,
}: {
  events: readonly LedgerEvent[];
  open: number | undefined;
  onOpen: (seq: number) => void;
  onEnd: () => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [scrolled, setScrolled] = useState(false);
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 40,
    getItemKey: (index) => events[index]!.seq,
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= events.length - 20) onEnd();
  });
  const at = events.findIndex((each) => each.seq === open);
  useEffect(() => {
    if (at >= 0 && !scrolled) {
      virtual.scrollToIndex(at, { align: "center" });
      setScrolled(true);
    }
  }, [at, scrolled, virtual]);
  return (
    <section
      ref={scroller}
      tabIndex={0}
      aria-label="Events"
      className="max-h-[max(24rem,calc(100dvh-30rem))] overflow-y-auto"
    >
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const event = events[item.index]!;
          const isOpen = event.seq === open;
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className="absolute inset-x-0 top-0 border-b border-line/70"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <button
                type="button"
                aria-expanded={isOpen}
                onClick={() => onOpen(event.seq)}
                className="grid min-h-10 w-full grid-cols-[1rem_3.5rem_minmax(0,1fr)_auto] items-center gap-3 px-4 text-left hover:bg-hover md:grid-cols-[1rem_3.5rem_11rem_minmax(0,1fr)_8rem_5.5rem_8rem]"
              >
                <ChevronRight
                  className={cx("size-3.5 text-ink-3 transition-transform", isOpen && "rotate-90")}
                />
                <span className="text-ink-3 tabular">{event.seq}</span>
                <span className="truncate font-medium">{event.action}</span>
                <span className="truncate text-ink-2 max-md:hidden" title={event.object}>
                  {titleOf(event.action, event.outcome)} <span className="text-ink-3">{event.object}</span>
                </span>
                <span className="truncate text-ink-2 max-md:hidden" title={event.actor}>
                  {event.actor}
                </span>
                <span>
                  <Badge tone={OUTCOME[event.outcome]}>{event.outcome}</Badge>
                </span>
                <Moment
                  at={event.at_ms}
                  className="text-right text-xs whitespace-nowrap text-ink-3 max-md:hidden"
                />
              </button>
              {isOpen ? <Details event={event} /> : null}
            </div>
          );
        })}
      </div>
    </section>
  );
}

function Details({ event }: { event: LedgerEvent }) {
  return (
    <div className="grid gap-5 bg-sunken px-5 py-4 lg:grid-cols-2">
      <Facts>
        <Fact name="Object">{event.object}</Fact>
        <Fact name="Actor">{event.actor}</Fact>
        <Fact name="When">{new Date(event.at_ms).toISOString()}</Fact>
        <Fact name="Request">
          <code className="font-mono text-xs">{event.request_id}</code>
        </Fact>
        {event.before ? (
          <Fact name="Before">
            <Digest value={event.before} length={24} />
          </Fact>
        ) : null}
        {event.after ? (
          <Fact name="After">
            <Digest value={event.after} length={24} />
          </Fact>
        ) : null}
        <Fact name="Previous">
          <Digest value={event.prev} length={24} />
        </Fact>
        <Fact name="Hash">
          <Digest value={event.hash} length={24} />
        </Fact>
      </Facts>
      <Snippet text={JSON.stringify(event.details, null, 2)} className="max-h-72 overflow-auto bg-surface" />
    </div>
  );
}
