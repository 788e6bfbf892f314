import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { UserCheck } from "lucide-react";
import { api, apiPath, post } from "@/api/client";
import * as governance from "@/api/governance";
import * as queries from "@/api/queries";
import type { Decision } from "@/api/types";
import { said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Failure } from "@/design/states";
import { plural } from "@/format/number";
import { bareName } from "./signed";

/** Who agreed to this very promotion, how many are missing, and whose word would not count. */
export function Approvals({ decision, reason }: { decision: Decision; reason: string }) {
  const review = decision.approvals;
  const client = useQueryClient();
  const me = useQuery(queries.whoami()).data;
  const all = useQuery({
    ...governance.approvals(decision.model, decision.challenger),
    enabled: !!review,
  }).data;
  const refresh = () => client.invalidateQueries({ queryKey: ["model"] });
  const path = `${apiPath("models", decision.model)}/approvals`;
  const approve = useMutation({
    mutationFn: () => post(path, { version: decision.challenger, alias: decision.alias, reason }),
    onSuccess: () => said(`You agreed that version ${decision.challenger} takes ${decision.alias}.`),
    onSettled: refresh,
  });
  const withdraw = useMutation({
    mutationFn: (id: string) => api("DELETE", `${path}/${encodeURIComponent(id)}`),
    onSuccess: () => said("Your approval is withdrawn."),
    onSettled: refresh,
  });
  if (!review) return null;
  const isMe = (actor: string) => me !== undefined && bareName(actor) === me.name;
  const own = review.given.find((each) => isMe(each.approver));
  const isBarred = review.barred.some(isMe);
  const may = me?.actions.includes("approval.write") ?? false;
  const missing = Math.max(0, review.wanted - review.given.length);
  const saidWhy = (id: string) => all?.find((each) => each.approval_id === id)?.reason;
  return (
    <section aria-label="Approvals" className="rounded-lg border border-line p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h3 className="text-sm font-medium">Approvals</h3>
        <Badge tone={decision.codes.includes("approvals_missing") ? "warn" : "good"}>
          {review.given.length} of {review.wanted}
        </Badge>
        <span className="ml-auto">
          {own ? (
            <Button size="sm" busy={withdraw.isPending} onClick={() => withdraw.mutate(own.approval_id)}>
              Withdraw
            </Button>
          ) : may && !isBarred ? (
            <Button size="sm" variant="primary" busy={approve.isPending} onClick={() => approve.mutate()}>
              <UserCheck /> Approve
            </Button>
          ) : null}
        </span>
      </div>
      {review.given.length > 0 ? (
        <ul className="mt-2 space-y-1 text-sm">
          {review.given.map((each) => (
            <li key={each.approval_id} className="flex flex-wrap items-baseline gap-x-2">
              <UserCheck className="size-3.5 self-center text-good" />
              <span className="font-medium">{bareName(each.approver)}</span>
              {saidWhy(each.approval_id) ? (
                <span className="text-ink-2">“{saidWhy(each.approval_id)}”</span>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
      <p className="mt-2 text-xs text-ink-3">
        {missing > 0 ? `${plural(missing, "more person", "more people")} must agree. ` : ""}
        {missing === 0 && decision.codes.includes("approvals_missing")
          ? "Who promotes must be somebody else than the one who agreed. "
          : ""}
        {isBarred ? "Yours would not count. " : ""}
        {review.barred.length > 0
          ? `Not counted: ${review.barred.map(bareName).join(", ")}, who made the version or its gate.`
          : ""}
      </p>
      {approve.error || withdraw.error ? <Failure compact error={approve.error ?? withdraw.error} /> : null}
    </section>
  );
}
