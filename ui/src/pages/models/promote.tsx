import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, OctagonPause, Siren } from "lucide-react";
import { type ReactNode, useState } from "react";
import { ApiError, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Decision, Gate, Model, Move, Version } from "@/api/types";
import { said } from "@/app/toasts";
import { Button } from "@/design/button";
import { cx } from "@/design/cx";
import { Modal } from "@/design/dialog";
import { Field, Input, Select } from "@/design/field";
import { Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { exactToNumber } from "@/format/number";
import { gateRunner } from "../snippets";
import { Approvals } from "./approvals";
import { BreakGlassDialog } from "./break-glass";
import { ClosureLine } from "./closure";
import { EvidenceLine, PairedAdvice } from "./evidence";
import { Frozen } from "./frozen";
import { Score } from "./outcome";

/** What would be decided, on which evidence and why, before anybody presses anything. */
export function PromoteDialog({
  model,
  version,
  versions,
  gate,
  onVersion,
  onClose,
}: {
  model: Model;
  version: number;
  versions: readonly Version[];
  gate: Gate | null;
  onVersion: (version: number) => void;
  onClose: () => void;
}) {
  const guarded = model.aliases.filter((each) => each.is_protected).map((each) => each.alias);
  const names = guarded.length > 0 ? guarded : ["production"];
  const [alias, setAlias] = useState(names.includes("production") ? "production" : names[0]!);
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const preview = useQuery(queries.preview(model.name, version, alias));
  const promote = useMutation({
    mutationFn: () =>
      post<Move>(`${apiPath("models", model.name)}/promote`, {
        version,
        alias,
        reason,
        expected_revision: preview.data?.revision,
      }),
    onSuccess: () => {
      said(`Version ${version} holds ${alias}.`, `${model.name}, recorded in the ledger.`);
      onClose();
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["model"] }),
        client.invalidateQueries({ queryKey: ["models"] }),
        client.invalidateQueries({ queryKey: ["gate-runs"] }),
      ]),
  });
  const decision = preview.data;
  const me = useQuery(queries.whoami()).data;
  const [breaking, setBreaking] = useState(false);
  const gateRuns = useQuery(queries.gateRuns({ model: model.name })).data ?? [];
  const verdicts = gateRuns
    .filter((each) => decision?.gate_runs.includes(each.gate_run_id))
    .flatMap((each) => each.verdict ?? []);
  const mayBreak =
    decision && !decision.promoted && me?.kind === "user" && me.actions.includes("break_glass.request");
  if (breaking)
    return (
      <BreakGlassDialog
        model={model.name}
        version={version}
        alias={alias}
        onClose={() => {
          setBreaking(false);
          onClose();
        }}
      />
    );
  const needsExam =
    decision?.codes.some(
      (code) => code === "no_verdict" || code === "champion_not_comparable" || code === "wrong_gate",
    ) ?? false;
  return (
    <Modal
      open
      onClose={onClose}
      width="lg"
      title={`Promote ${model.name} to ${alias}`}
      note="Decided by the gate, in one transaction. This is what it would decide now."
      footer={
        <>
          {mayBreak ? (
            <Button variant="ghost" className="mr-auto text-bad" onClick={() => setBreaking(true)}>
              <Siren /> Break the glass
            </Button>
          ) : null}
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            busy={promote.isPending}
            disabled={!decision || (!decision.promoted && !needsExam)}
            onClick={() => promote.mutate()}
          >
            {needsExam ? "Queue the exam" : `Promote version ${version}`}
          </Button>
        </>
      }
    >
      <div className="space-y-5">
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Challenger">
            {(props) => (
              <Select
                {...props}
                className="w-full"
                value={version}
                onChange={(event) => onVersion(Number(event.target.value))}
              >
                {versions
                  .filter((each) => each.state !== "deleted")
                  .map((each) => (
                    <option key={each.version} value={each.version}>
                      Version {each.version}
                      {each.state === "quarantined" ? " (quarantined)" : ""}
                    </option>
                  ))}
              </Select>
            )}
          </Field>
          <Field label="Alias">
            {(props) => (
              <Select
                {...props}
                className="w-full"
                value={alias}
                onChange={(event) => setAlias(event.target.value)}
              >
                {names.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        {preview.isPending ? (
          <SkeletonRows rows={4} />
        ) : preview.error ? (
          <Failure error={preview.error} onRetry={() => void preview.refetch()} />
        ) : decision ? (
          <>
            {decision.codes.includes("frozen") ? <Frozen alias={alias} /> : null}
            <Contest decision={decision} gate={gate}>
              <EvidenceLine verdicts={verdicts} />
            </Contest>
            <Reasons decision={decision} />
            <Approvals decision={decision} reason={reason} />
            <PairedAdvice decision={decision} />
            <ClosureLine model={model.name} version={version} />
          </>
        ) : null}
        {promote.error ? <Held error={promote.error} /> : null}
        {decision?.promoted ? (
          <Field label="Why now" help="Kept in the ledger with the decision.">
            {(props) => (
              <Input
                {...props}
                value={reason}
                maxLength={1000}
                onChange={(event) => setReason(event.target.value)}
                placeholder="Better on refunds, same latency"
              />
            )}
          </Field>
        ) : null}
        {needsExam ? (
          <div className="text-sm text-ink-2">
            <p className="mb-2">The exam is held by a gate runner, wherever the model can be evaluated:</p>
            <Snippet text={`${gateRunner()} --once`} />
          </div>
        ) : null}
      </div>
    </Modal>
  );
}

/** Both scores under the same gate, on one scale with the threshold. */
function Contest({
  decision,
  gate,
  children,
}: {
  decision: Decision;
  gate: Gate | null;
  children: ReactNode;
}) {
  const challenger = exactToNumber(decision.challenger_score);
  const champion = exactToNumber(decision.champion_score);
  const threshold = exactToNumber(gate ? String(gate.spec.threshold) : null);
  const all = [challenger, champion, threshold].filter((each) => each !== null);
  const most = Math.max(1e-12, ...all.map(Math.abs)) * 1.08;
  return (
    <section className="rounded-lg border border-line p-4" aria-label="Scores">
      <div className="mb-3 flex flex-wrap items-baseline gap-x-3 text-xs text-ink-3">
        <span>
          {decision.gate ? (
            <>
              Gate <span className="font-medium text-ink">{decision.gate.name}</span> v{decision.gate.version}
            </>
          ) : (
            "No gate"
          )}
        </span>
        {gate ? <span>{String(gate.spec.metric)}</span> : null}
        {threshold === null ? null : (
          <span className="ml-auto tabular">
            threshold <Score text={String(gate?.spec.threshold)} />
          </span>
        )}
      </div>
      <div className="space-y-2.5">
        <Bar
          name={`Challenger · v${decision.challenger}`}
          value={challenger}
          text={decision.challenger_score}
          most={most}
          threshold={threshold}
          strong
        />
        <Bar
          name={decision.champion === null ? "Champion · nobody yet" : `Champion · v${decision.champion}`}
          value={champion}
          text={decision.champion_score}
          most={most}
          threshold={threshold}
        />
      </div>
      {children}
    </section>
  );
}

function Bar({
  name,
  value,
  text,
  most,
  threshold,
  strong,
}: {
  name: string;
  value: number | null;
  text: string | null;
  most: number;
  threshold: number | null;
  strong?: boolean;
}) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1 sm:grid-cols-[9.5rem_minmax(0,1fr)_4.5rem]">
      <span className={cx("truncate", strong && "font-medium")}>{name}</span>
      <div className="relative h-2.5 rounded-full bg-sunken max-sm:order-last max-sm:col-span-2">
        {value === null ? null : (
          <div
            className={cx("h-full rounded-full", strong ? "bg-accent" : "bg-ink-3/60")}
            style={{ width: `${Math.min(100, (Math.abs(value) / most) * 100)}%` }}
          />
        )}
        {threshold === null ? null : (
          <span
            aria-hidden
            className="absolute -top-1 -bottom-1 w-0.5 rounded bg-ink"
            style={{ left: `${(Math.abs(threshold) / most) * 100}%` }}
          />
        )}
      </div>
      <span className="text-right font-medium tabular">
        {value === null ? <span className="font-normal text-ink-3">no score</span> : <Score text={text} />}
      </span>
    </div>
  );
}

function Reasons({ decision }: { decision: Decision }) {
  return (
    <section
      aria-label="Decision"
      className={cx(
        "flex gap-3 rounded-lg p-4",
        decision.promoted ? "bg-good-soft text-good" : "bg-warn-soft text-warn",
      )}
    >
      {decision.promoted ? (
        <CircleCheck className="mt-0.5 size-4 shrink-0" />
      ) : (
        <OctagonPause className="mt-0.5 size-4 shrink-0" />
      )}
      <div className="min-w-0">
        <p className="font-semibold">{decision.promoted ? "It would be promoted" : "Held"}</p>
        <ul className="mt-1 space-y-1 text-ink">
          {decision.reasons.map((each) => (
            <li key={each} className="break-words first-letter:uppercase">
              {each}
            </li>
          ))}
        </ul>
        <p className="mt-2 text-xs text-ink-3">Rule {decision.rule_version}</p>
      </div>
    </section>
  );
}

function Held({ error }: { error: unknown }) {
  const queued = error instanceof ApiError && error.code === "gate_blocked";
  return (
    <div className={cx(queued && "[&_svg]:text-warn")}>
      <Failure compact error={error} />
    </div>
  );
}
