import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus, Snowflake } from "lucide-react";
import { useState } from "react";
import { api, apiPath, post } from "@/api/client";
import type { Freeze, RunnerKey } from "@/api/governance";
import * as governance from "@/api/governance";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card } from "@/design/card";
import { Segmented } from "@/design/field";
import { Moment, useNow } from "@/design/moment";
import { Digest, Snippet } from "@/design/snippet";
import { exactTime } from "@/format/time";
import { NewDialog, TextField } from "./forms";
import { ListCard } from "./list-card";
import { dayEndText, localMs } from "./times";

type May = (action: string) => boolean;
/** The newest windows; older ones are in the ledger. */
const MOST_FREEZES = 50;

/** When promotions rest, whose signatures count, and whether verdicts need one. */
export function GateRules({ may }: { may: May }) {
  const isAllowed = may("gate.write");
  return (
    <div className="space-y-5">
      <Freezes isAllowed={isAllowed} />
      <SignedVerdicts isAllowed={isAllowed} />
      <Keys isAllowed={isAllowed} />
    </div>
  );
}

function Freezes({ isAllowed }: { isAllowed: boolean }) {
  const asked = useQuery(governance.freezes());
  const [isAsking, setAsking] = useState(false);
  const now = useNow();
  return (
    <ListCard
      title="Freeze windows"
      asked={{ ...asked, data: asked.data?.toReversed().slice(0, MOST_FREEZES) }}
      head={["Which", "From", "Until", "State", ""]}
      row={(each) => <FreezeLine key={each.freeze_id} freeze={each} now={now} isAllowed={isAllowed} />}
      empty="None. A window holds every promotion for a time, before a launch for one; rolling back stays possible."
      add={
        isAllowed ? (
          <>
            <Snowflake /> Freeze promotions
          </>
        ) : null
      }
      onAdd={() => setAsking(true)}
    >
      {isAsking ? <NewFreeze onClose={() => setAsking(false)} /> : null}
    </ListCard>
  );
}

function FreezeLine({ freeze, now, isAllowed }: { freeze: Freeze; now: number; isAllowed: boolean }) {
  const client = useQueryClient();
  const lift = useMutation({
    mutationFn: () => post(`${apiPath("freezes", freeze.freeze_id)}/lift`, { reason: "" }),
    onSuccess: () => said("Promotions go on."),
    onError: failed,
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["freezes"] }),
        client.invalidateQueries({ queryKey: ["model"] }),
      ]),
  });
  const isOver = freeze.lifted_at_ms !== null || freeze.ends_at_ms <= now;
  const isNow = !isOver && freeze.starts_at_ms <= now;
  return (
    <tr className="hover:bg-hover">
      <td className="max-w-72">
        <span className="block font-medium">{freeze.alias ?? "Every protected alias"}</span>
        <span className="block text-xs break-words text-ink-3">
          {freeze.reason}
          {freeze.reason ? ", " : ""}
          {freeze.created_by}
        </span>
      </td>
      <td className="whitespace-nowrap text-ink-2">{exactTime(freeze.starts_at_ms)}</td>
      <td className="whitespace-nowrap text-ink-2">{exactTime(freeze.ends_at_ms)}</td>
      <td>
        {freeze.lifted_at_ms !== null ? (
          <Badge title={`by ${freeze.lifted_by}`}>Lifted</Badge>
        ) : isOver ? (
          <Badge>Over</Badge>
        ) : isNow ? (
          <Badge tone="accent">Frozen now</Badge>
        ) : (
          <Badge tone="warn">Planned</Badge>
        )}
      </td>
      <td className="text-right">
        {!isOver && isAllowed ? (
          <Button size="sm" variant="ghost" busy={lift.isPending} onClick={() => lift.mutate()}>
            Lift
          </Button>
        ) : null}
      </td>
    </tr>
  );
}

function NewFreeze({ onClose }: { onClose: () => void }) {
  const [until, setUntil] = useState(() => dayEndText(Date.now()));
  const [alias, setAlias] = useState("");
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const end = localMs(until);
  const create = useMutation({
    mutationFn: () =>
      post<Freeze>("/freezes", {
        starts_at_ms: Date.now(),
        ends_at_ms: end,
        reason: reason.trim(),
        alias: alias.trim() || null,
      }),
    onSuccess: (made) => {
      said(`Promotions are frozen until ${exactTime(made.ends_at_ms)}.`);
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["freezes"] }),
  });
  return (
    <NewDialog
      onClose={onClose}
      width="sm"
      title="Freeze promotions"
      note="From now on. Rolling back stays possible."
      action="Freeze"
      isComplete={end !== null && reason.trim() !== ""}
      doing={create}
    >
      <TextField
        label="Until"
        help="Your local time."
        type="datetime-local"
        value={until}
        onValue={setUntil}
      />
      <TextField
        label="Alias"
        help="Empty: every protected alias of the workspace."
        placeholder="production"
        value={alias}
        onValue={setAlias}
      />
      <TextField label="Why" placeholder="Launch week" maxLength={1000} value={reason} onValue={setReason} />
    </NewDialog>
  );
}

function SignedVerdicts({ isAllowed }: { isAllowed: boolean }) {
  const client = useQueryClient();
  const { data } = useQuery(governance.gatePolicy());
  const change = useMutation({
    mutationFn: (signed_verdicts: string) => api("PUT", "/gate-policy", { body: { signed_verdicts } }),
    onSuccess: () => said("The policy of verdicts is changed."),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["gate-policy"] }),
  });
  if (!data) return null;
  return (
    <Card title="Signed verdicts">
      <Segmented
        label="Signed verdicts"
        value={data.signed_verdicts}
        onValue={(value) => isAllowed && value !== data.signed_verdicts && change.mutate(value)}
        options={[
          { value: "off", label: "Not needed" },
          { value: "require", label: "Required" },
        ]}
      />
      <p className="mt-2 text-xs text-ink-3">
        {data.signed_verdicts === "require"
          ? "A verdict counts only with a valid signature of a registered key."
          : "Verdicts count without a signature; one that is signed with a revoked key does not."}
      </p>
    </Card>
  );
}

const KEY_TONE = { active: "good", retired: "neutral", revoked: "bad" } as const;

function Keys({ isAllowed }: { isAllowed: boolean }) {
  const [isAdding, setAdding] = useState(false);
  return (
    <ListCard
      title="Keys of gate runners"
      asked={useQuery(governance.gateKeys())}
      head={["Key", "Runner", "State", "Registered", ""]}
      row={(each) => <KeyLine key={each.key_id} runnerKey={each} isAllowed={isAllowed} />}
      empty={
        <>
          <p className="mb-3">
            None. A runner makes its own key and signs with it; the public part is registered:
          </p>
          <Snippet
            text={
              "assay gate-runner keygen --key runner.key   # on its machine\nassay gate-keys register PUBLIC-KEY --runner gate-runner"
            }
          />
        </>
      }
      add={
        isAllowed ? (
          <>
            <Plus /> Register a key
          </>
        ) : null
      }
      onAdd={() => setAdding(true)}
    >
      {isAdding ? <NewKey onClose={() => setAdding(false)} /> : null}
    </ListCard>
  );
}

function KeyLine({ runnerKey, isAllowed }: { runnerKey: RunnerKey; isAllowed: boolean }) {
  const client = useQueryClient();
  const path = apiPath("gate-keys", runnerKey.key_id);
  const act = useMutation({
    mutationFn: (what: "retire" | "revoke") => post(`${path}/${what}`),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["gate-keys"] }),
  });
  return (
    <tr className="hover:bg-hover">
      <td>
        <span className="flex items-center gap-1.5">
          <KeyRound className="size-3.5 text-ink-3" />
          <Digest value={runnerKey.key_id} />
        </span>
      </td>
      <td>{runnerKey.runner}</td>
      <td>
        <Badge tone={KEY_TONE[runnerKey.state]} title={runnerKey.revoke_reason}>
          {runnerKey.state}
        </Badge>
        {runnerKey.void_from_ms === null ? null : (
          <span className="block text-xs text-bad">
            void since <Moment at={runnerKey.void_from_ms} />
          </span>
        )}
      </td>
      <td className="whitespace-nowrap text-ink-2">
        <Moment at={runnerKey.created_at_ms} />
        <span className="block text-xs text-ink-3">{runnerKey.created_by}</span>
      </td>
      <td>
        {isAllowed && runnerKey.state !== "revoked" ? (
          <span className="flex justify-end gap-1">
            {runnerKey.state === "active" ? (
              <Button
                size="sm"
                variant="ghost"
                title="It signs nothing more; what it signed stands"
                onClick={() => act.mutate("retire")}
              >
                Retire
              </Button>
            ) : null}
            <Button
              size="sm"
              variant="ghost"
              className="text-bad"
              title="From now on what it signs is void"
              onClick={() => act.mutate("revoke")}
            >
              Revoke
            </Button>
          </span>
        ) : null}
      </td>
    </tr>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const [publicKey, setPublicKey] = useState("");
  const [runner, setRunner] = useState("");
  const client = useQueryClient();
  const register = useMutation({
    mutationFn: () => post("/gate-keys", { public_key: publicKey.trim(), runner: runner.trim() }),
    onSuccess: () => {
      said("The key is registered.");
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["gate-keys"] }),
  });
  return (
    <NewDialog
      onClose={onClose}
      width="sm"
      title="Register a key"
      action="Register"
      isComplete={publicKey.trim() !== "" && runner.trim() !== ""}
      doing={register}
    >
      <TextField
        label="Public key"
        help="Ed25519, 64 hex digits."
        autoFocus
        className="font-mono"
        value={publicKey}
        onValue={setPublicKey}
      />
      <TextField label="Runner" help="The principal that signs with it." value={runner} onValue={setRunner} />
    </NewDialog>
  );
}
