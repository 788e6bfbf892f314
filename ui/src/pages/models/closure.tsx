import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleHelp, Link2, Unlink } from "lucide-react";
import { post } from "@/api/client";
import type { Closure, ClosureStatus } from "@/api/governance";
import * as governance from "@/api/governance";
import * as queries from "@/api/queries";
import { failed } from "@/app/toasts";
import { Badge, type Tone } from "@/design/badge";
import { Button } from "@/design/button";
import { Card } from "@/design/card";
import { FIELD_TITLES, type LineageField } from "@/design/lineage";
import { Moment } from "@/design/moment";
import { Failure, SkeletonRows } from "@/design/states";

const LOOKS: Record<ClosureStatus, [Tone, string]> = {
  ok: ["good", "There"],
  unreachable: ["warn", "Nothing leads to it"],
  missing: ["bad", "Missing"],
  corrupt: ["bad", "Corrupt"],
  unknown: ["neutral", "Not known"],
  unsupported: ["neutral", "Cannot be looked up"],
};
const SUBJECTS: Record<string, string> = { files: "Files", lineage: "Fingerprint", ...FIELD_TITLES };

/** Whether all that a version was made from is still there, in one word. */
export function ClosureBadge({ status }: { status: ClosureStatus | null }) {
  if (status === null) return <Badge>Not checked</Badge>;
  const [tone, word] = LOOKS[status];
  return (
    <Badge tone={tone}>
      {status === "ok" ? <Link2 /> : tone === "neutral" ? <CircleHelp /> : <Unlink />}
      {status === "ok" ? "All there" : word}
    </Badge>
  );
}

/** Looks now; whoever may not is not offered it. */
export function useClosureCheck(model: string, version: number) {
  const client = useQueryClient();
  const me = useQuery(queries.whoami()).data;
  const check = useMutation({
    mutationFn: (deep: boolean) =>
      post<Closure>(`${governance.versionPath(model, version)}/closure`, { deep }),
    onError: failed,
    onSuccess: (found) => client.setQueryData(governance.closure(model, version).queryKey, found),
  });
  return { check, isAllowed: me?.actions.includes("ledger.read") ?? false };
}

/** Each thing that the version was made from, when it was looked at and how thoroughly. */
export function ClosureCard({ model, version }: { model: string; version: number }) {
  const { data, error, isPending } = useQuery(governance.closure(model, version));
  const { check, isAllowed } = useClosureCheck(model, version);
  return (
    <Card
      title="Closure"
      note={data ? <ClosureBadge status={data.status} /> : null}
      flush
      actions={
        isAllowed ? (
          <>
            <Button
              size="sm"
              variant="ghost"
              busy={check.isPending && check.variables}
              title="Reads all bytes and hashes them again"
              onClick={() => check.mutate(true)}
            >
              Read everything
            </Button>
            <Button size="sm" busy={check.isPending && !check.variables} onClick={() => check.mutate(false)}>
              Check now
            </Button>
          </>
        ) : null
      }
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : error ? (
        <Failure compact error={error} />
      ) : data.checks.length === 0 ? (
        <p className="p-4 text-ink-2">
          Nobody has looked yet whether the data, the code and the base model are still where the lineage
          says.
        </p>
      ) : (
        <Checks closure={data} />
      )}
      {data?.faults.map((each) => (
        <p
          key={`${each.field} ${each.reference}`}
          className="border-t border-line px-4 py-2.5 text-xs text-warn"
        >
          <span className="font-medium">{FIELD_TITLES[each.field as LineageField] ?? each.field}</span>{" "}
          {each.message}
        </p>
      ))}
    </Card>
  );
}

function Checks({ closure }: { closure: Closure }) {
  return (
    <ul className="divide-y divide-line">
      {closure.checks.map((each) => {
        const [tone, word] = LOOKS[each.status];
        return (
          <li
            key={`${each.subject} ${each.reference}`}
            className="grid grid-cols-[5.5rem_minmax(0,1fr)_auto] items-start gap-x-3 px-4 py-2.5"
          >
            <span className="text-ink-3">{SUBJECTS[each.subject] ?? each.subject}</span>
            <span className="min-w-0">
              {each.reference ? (
                <code className="block truncate font-mono text-xs" title={each.reference}>
                  {each.reference}
                </code>
              ) : null}
              {each.message ? (
                <span className="block text-xs break-words text-ink-2">{each.message}</span>
              ) : null}
              <span className="block text-xs text-ink-3">
                {each.level ? `${each.level}, ` : ""}
                <Moment at={each.checked_at_ms} />
                {each.is_deep ? ", all bytes read" : ""}
              </span>
            </span>
            <Badge tone={tone}>
              {each.status === "ok" ? <CircleCheck /> : null}
              {word}
            </Badge>
          </li>
        );
      })}
    </ul>
  );
}

/** One line of it for a decision. */
export function ClosureLine({ model, version }: { model: string; version: number }) {
  const { data } = useQuery(governance.closure(model, version));
  const { check, isAllowed } = useClosureCheck(model, version);
  const client = useQueryClient();
  if (!data) return null;
  const bad = data.checks.filter((each) => each.status !== "ok");
  return (
    <section
      aria-label="Closure"
      className="flex flex-wrap items-center gap-x-3 gap-y-1.5 rounded-lg border border-line px-4 py-2.5 text-sm"
    >
      <span className="font-medium">What v{version} was made from</span>
      <ClosureBadge status={data.status} />
      <span className="min-w-0 flex-1 text-xs text-ink-3">
        {bad.length > 0 ? `${bad.map((each) => SUBJECTS[each.subject] ?? each.subject).join(", ")}; ` : ""}
        {data.checked_at_ms === null ? null : (
          <>
            looked at <Moment at={data.checked_at_ms} />
          </>
        )}
      </span>
      {isAllowed ? (
        <Button
          size="sm"
          busy={check.isPending}
          onClick={() =>
            check.mutate(false, {
              onSettled: () => client.invalidateQueries({ queryKey: ["model"], predicate: isPreview }),
            })
          }
        >
          Check now
        </Button>
      ) : null}
    </section>
  );
}

const isPreview = (query: { queryKey: readonly unknown[] }) => query.queryKey.includes("preview");
