import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { useState } from "react";
import { apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Alias, Model, Move } from "@/api/types";
import { said } from "@/app/toasts";
import { Button } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { Failure, SkeletonRows } from "@/design/states";

/** One step back, said in advance: who takes over, and what happens to the version that is left. */
export function RollbackDialog({
  model,
  alias,
  onClose,
}: {
  model: Model;
  alias: Alias;
  onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const history = useQuery(queries.aliasHistory(model.name, alias.alias));
  const versions = useQuery(queries.versions(model.name));
  const unusable = new Set(
    (versions.data ?? []).filter((each) => each.state !== "registered").map((each) => each.version),
  );
  const target = rollbackTarget(history.data ?? [], unusable);
  const rollback = useMutation({
    mutationFn: () =>
      post<Move>(`${apiPath("models", model.name)}/rollback`, {
        alias: alias.alias,
        expected_revision: alias.revision,
        reason,
      }),
    onSuccess: (move) => {
      said(
        `Version ${move.to_version} holds ${move.alias} again.`,
        `Version ${move.from_version} is quarantined.`,
      );
      onClose();
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["model"] }),
        client.invalidateQueries({ queryKey: ["models"] }),
      ]),
  });
  return (
    <Modal
      open
      onClose={onClose}
      title={`Roll back ${alias.alias}`}
      note={`${model.name}. No gate is asked; the step is recorded in the ledger.`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="danger"
            busy={rollback.isPending}
            onClick={() => rollback.mutate()}
            disabled={target === null}
          >
            Roll back now
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        {history.isPending || versions.isPending ? (
          <SkeletonRows rows={3} />
        ) : target === null ? (
          <p className="rounded-lg bg-warn-soft p-4 text-warn">
            No earlier holder of {alias.alias} is still usable, so there is nothing to roll back to. Clear a
            version of its quarantine, or promote another one.
          </p>
        ) : (
          <>
            <div className="flex items-center gap-4 rounded-lg border border-line p-4">
              <div className="flex-1">
                <p className="text-xs text-ink-3">Leaves, and is quarantined</p>
                <p className="text-xl font-semibold">v{alias.version}</p>
              </div>
              <ArrowRight className="size-5 text-ink-3" />
              <div className="flex-1">
                <p className="text-xs text-ink-3">Takes over at once</p>
                <p className="text-xl font-semibold">v{target}</p>
              </div>
            </div>
            <p className="text-ink-2">
              Version {alias.version} cannot be promoted again until someone with the role clears it, with a
              reason. Whoever serves by alias gets version {target} with the next resolve.
            </p>
            <Field label="Why" help="Kept in the ledger.">
              {(props) => (
                <Input
                  {...props}
                  autoFocus
                  value={reason}
                  maxLength={1000}
                  onChange={(event) => setReason(event.target.value)}
                  placeholder="Refuses refund requests"
                />
              )}
            </Field>
          </>
        )}
        {rollback.error ? <Failure compact error={rollback.error} /> : null}
      </div>
    </Modal>
  );
}

/** Where the server's rollback would lead: moves form a stack, of which unusable versions are passed over. */
export function rollbackTarget(
  moves: readonly Pick<Move, "kind" | "to_version">[],
  unusable: ReadonlySet<number>,
): number | null {
  const stack: (number | null)[] = [];
  for (const { kind, to_version: to } of moves) {
    if (kind === "rollback") {
      stack.pop();
      while (stack.length > 0 && stack.at(-1) !== to) stack.pop();
    } else stack.push(to);
  }
  const holder = stack.at(-1);
  for (const each of stack.slice(0, -1).reverse()) {
    if (each !== null && each !== holder && !unusable.has(each)) return each;
  }
  return null;
}
