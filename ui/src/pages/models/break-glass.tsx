import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Siren } from "lucide-react";
import { useState } from "react";
import { apiPath, post } from "@/api/client";
import type { BreakGlass } from "@/api/governance";
import * as governance from "@/api/governance";
import * as queries from "@/api/queries";
import type { Move } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Button } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { Moment, useNow } from "@/design/moment";
import { Failure } from "@/design/states";
import { clock } from "@/format/time";
import { bareName } from "./signed";

/** One admin asks, with a reason; nothing moves until another person confirms. */
export function BreakGlassDialog({
  model,
  version,
  alias,
  onClose,
}: {
  model: string;
  version: number;
  alias: string;
  onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const request = useMutation({
    mutationFn: () => post<BreakGlass>("/break-glass", { model, version, alias, reason: reason.trim() }),
    onSuccess: (asked) => {
      said("A second person must confirm now.", `Until ${clock(asked.expires_at_ms)}, on the model's page.`);
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["break-glass"] }),
  });
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title="Break the glass"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="danger"
            busy={request.isPending}
            disabled={!reason.trim()}
            onClick={() => request.mutate()}
          >
            <Siren /> Ask for it
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <div className="rounded-lg border-2 border-bad bg-bad-soft p-4">
          <p className="font-semibold text-bad">
            Version {version} takes {alias} past its gate.
          </p>
          <p className="mt-1 text-ink">
            A second person has 15 minutes to confirm. Both names and the reason stay in the ledger, and
            everybody who is told of promotions is told of this.
          </p>
        </div>
        <Field label="Why it cannot wait" help="Kept in the ledger.">
          {(props) => (
            <Input
              {...props}
              autoFocus
              value={reason}
              maxLength={1000}
              onChange={(event) => setReason(event.target.value)}
              placeholder="The champion leaks addresses"
            />
          )}
        </Field>
        {request.error ? <Failure compact error={request.error} /> : null}
      </div>
    </Modal>
  );
}

/** Requests of a model that still wait for their second person. */
export function OpenBreakGlass({ model }: { model: string }) {
  const now = useNow();
  const { data } = useQuery({ ...governance.breakGlass(), refetchInterval: 15_000 });
  const open = data?.filter(
    (each) => each.model === model && each.state === "open" && each.expires_at_ms > now,
  );
  return open?.map((each) => <Request key={each.request_id} request={each} />) ?? null;
}

function Request({ request }: { request: BreakGlass }) {
  const me = useQuery(queries.whoami()).data;
  const client = useQueryClient();
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["break-glass"] }),
      client.invalidateQueries({ queryKey: ["model"] }),
      client.invalidateQueries({ queryKey: ["models"] }),
    ]);
  const path = apiPath("break-glass", request.request_id);
  const confirm = useMutation({
    mutationFn: () => post<Move>(`${path}/confirm`),
    onSuccess: () => said(`Version ${request.version} holds ${request.alias}, past its gate.`),
    onError: failed,
    onSettled: refresh,
  });
  const cancel = useMutation({
    mutationFn: () => post(`${path}/cancel`),
    onError: failed,
    onSettled: refresh,
  });
  const isMine = bareName(request.requested_by) === me?.name;
  const may = me?.actions.includes("break_glass.confirm") ?? false;
  return (
    <section
      aria-label="Break-glass request"
      className="mb-5 flex flex-wrap items-start gap-x-5 gap-y-3 rounded-lg border-2 border-bad bg-bad-soft p-5"
    >
      <span className="flex size-9 shrink-0 items-center justify-center rounded-full bg-bad-strong text-on-accent">
        <Siren className="size-5" />
      </span>
      <div className="min-w-56 flex-1">
        <p className="font-semibold text-bad">
          {bareName(request.requested_by)} wants to break the glass: version {request.version} to{" "}
          {request.alias}, past its gate
        </p>
        <p className="mt-1 break-words text-ink">“{request.reason}”</p>
        <p className="mt-1 text-xs text-ink-2">
          Asked <Moment at={request.created_at_ms} />, void after {clock(request.expires_at_ms)}.{" "}
          {isMine ? "Somebody else must confirm it." : ""}
        </p>
      </div>
      {may ? (
        <div className="flex gap-2">
          <Button busy={cancel.isPending} onClick={() => cancel.mutate()}>
            Refuse
          </Button>
          {isMine ? null : (
            <Button variant="danger" busy={confirm.isPending} onClick={() => confirm.mutate()}>
              <Siren /> Confirm and move {request.alias}
            </Button>
          )}
        </div>
      ) : null}
    </section>
  );
}
