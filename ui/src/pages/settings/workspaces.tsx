import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Demand, Workspace } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card } from "@/design/card";
import { Segmented } from "@/design/field";
import { Failure, SkeletonRows } from "@/design/states";
import { NewDialog, TextField } from "./forms";

/** What each workspace demands of its registry: closed lineage, and which aliases only a promotion moves. */
export function Workspaces({ may }: { may: (action: string) => boolean }) {
  const { data, error, isPending, refetch } = useQuery(queries.workspaces());
  const [creating, setCreating] = useState(false);
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  const isAllowed = may("workspace.write");
  return (
    <div className="space-y-5">
      {data.map((each) => (
        <Policy key={each.name} workspace={each} isAllowed={isAllowed} />
      ))}
      <Button
        onClick={() => setCreating(true)}
        disabled={!isAllowed}
        title={isAllowed ? undefined : "Your roles do not allow it"}
      >
        <Plus /> New workspace
      </Button>
      {creating ? <NewWorkspace onClose={() => setCreating(false)} /> : null}
    </div>
  );
}

function Policy({ workspace, isAllowed }: { workspace: Workspace; isAllowed: boolean }) {
  const client = useQueryClient();
  const [protecting, setProtecting] = useState(false);
  const change = useMutation({
    mutationFn: (body: {
      lineage?: string;
      protected?: string[];
      strict_refs?: Demand;
      closure_at_promotion?: Demand;
    }) => api("PATCH", apiPath("workspaces", workspace.name), { body }),
    onSuccess: () => said(`The policy of ${workspace.name} is changed.`),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["workspaces"] }),
  });
  const held = workspace.policy.protected;
  return (
    <Card title={workspace.name} note={workspace.description}>
      <div className="grid gap-6 sm:grid-cols-2">
        <div>
          <h3 className="text-xs font-medium text-ink-2">Lineage of new versions</h3>
          <div className="mt-2">
            <Segmented
              label="Lineage"
              value={workspace.policy.lineage}
              onValue={(lineage) => isAllowed && change.mutate({ lineage })}
              options={[
                { value: "required", label: "Required" },
                { value: "recorded", label: "Recorded" },
              ]}
            />
          </div>
          <p className="mt-2 text-xs text-ink-3">
            {workspace.policy.lineage === "required"
              ? "A registration without all five facts is refused, and told which one is missing."
              : "A version without closed lineage is accepted, marked unverifiable, and can never hold a protected alias."}
          </p>
        </div>
        <div>
          <h3 className="text-xs font-medium text-ink-2">Protected aliases</h3>
          <div className="mt-2 flex flex-wrap items-center gap-1.5">
            {held.map((each) => (
              <Badge key={each} tone="accent">
                {each}
                {isAllowed ? (
                  <button
                    type="button"
                    aria-label={`Stop protecting ${each}`}
                    onClick={() => change.mutate({ protected: held.filter((other) => other !== each) })}
                    className="-mr-0.5 px-0.5 hover:text-bad"
                  >
                    ×
                  </button>
                ) : null}
              </Badge>
            ))}
            {isAllowed ? (
              <Button size="sm" variant="ghost" onClick={() => setProtecting(true)}>
                <Plus /> Protect an alias
              </Button>
            ) : null}
          </div>
          <p className="mt-2 text-xs text-ink-3">
            They move by promotion through the gate and by rollback, through every door.
          </p>
        </div>
        <Demanded
          title="References that may change their meaning"
          help={STRICT_REFS}
          value={workspace.policy.strict_refs}
          onValue={(strict_refs) => isAllowed && change.mutate({ strict_refs })}
        />
        <Demanded
          title="Closure at promotion"
          help={CLOSURE}
          value={workspace.policy.closure_at_promotion}
          onValue={(closure_at_promotion) => isAllowed && change.mutate({ closure_at_promotion })}
        />
      </div>
      {protecting ? <Protect workspace={workspace} onClose={() => setProtecting(false)} /> : null}
    </Card>
  );
}

const STRICT_REFS: Record<Demand, string> = {
  off: "Branches, tags and bare names are taken as they are.",
  warn: "A branch, a tag or a bare name in a lineage is accepted and marked.",
  require: "A lineage must name commits and digests; a branch or a tag is refused.",
};
const CLOSURE: Record<Demand, string> = {
  off: "Nobody looks whether the data and the code are still there.",
  warn: "Each promotion looks whether the data and the code are still there, and goes on either way.",
  require: "What cannot be shown to be still there is not promoted.",
};

function Demanded({
  title,
  help,
  value,
  onValue,
}: {
  title: string;
  help: Record<Demand, string>;
  value: Demand;
  onValue: (value: Demand) => void;
}) {
  return (
    <div>
      <h3 className="text-xs font-medium text-ink-2">{title}</h3>
      <div className="mt-2">
        <Segmented
          label={title}
          value={value}
          onValue={(next) => next !== value && onValue(next)}
          options={[
            { value: "off", label: "Off" },
            { value: "warn", label: "Warn" },
            { value: "require", label: "Require" },
          ]}
        />
      </div>
      <p className="mt-2 text-xs text-ink-3">{help[value]}</p>
    </div>
  );
}

function NewWorkspace({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => post("/workspaces", { name: name.trim(), description }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["workspaces"] });
      onClose();
    },
  });
  return (
    <NewDialog
      title="New workspace"
      note="A team's space, with its own members and policy."
      action="Create"
      isComplete={Boolean(name.trim())}
      doing={create}
      onClose={onClose}
      width="sm"
    >
      <TextField label="Name" autoFocus value={name} onValue={setName} />
      <TextField label="Description" value={description} onValue={setDescription} />
    </NewDialog>
  );
}

/** Who holds the alias without having passed a gate is named in the refusal, and a reason lets it stay. */
function Protect({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [alias, setAlias] = useState("");
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const protect = useMutation({
    mutationFn: () =>
      api("PATCH", apiPath("workspaces", workspace.name), {
        body: { protected: [...workspace.policy.protected, alias.trim()], reason: reason.trim() },
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["workspaces"] });
      said(`${alias.trim()} is protected in ${workspace.name}.`);
      onClose();
    },
  });
  return (
    <NewDialog
      title="Protect an alias"
      note="From then on it moves by promotion through the gate and by rollback alone."
      action="Protect"
      isComplete={Boolean(alias.trim())}
      doing={protect}
      onClose={onClose}
      width="sm"
    >
      <TextField label="Alias" autoFocus value={alias} onValue={setAlias} placeholder="production" />
      <TextField
        label="Reason"
        help="Needed where a model holds the alias without having passed a gate. The ledger keeps it."
        value={reason}
        onValue={setReason}
        maxLength={2000}
      />
    </NewDialog>
  );
}
