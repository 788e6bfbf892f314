import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { api, apiPath, currentWorkspace } from "@/api/client";
import type { Source } from "@/api/governance";
import * as governance from "@/api/governance";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card } from "@/design/card";
import { Field, Input, Select } from "@/design/field";
import { HeldForm, NewDialog, TextField } from "./forms";
import { ListCard } from "./list-card";
import { Thresholds } from "./thresholds";

type May = (action: string) => boolean;
const KINDS: readonly Source["kind"][] = ["git", "dvc", "lakefs", "hf", "s3", "file"];

/** Whom the server may ask about lineage, which params stay out of it, and when detectors speak. */
export function Sources({ may }: { may: May }) {
  const isAllowed = may("workspace.write");
  return (
    <div className="space-y-5">
      <Places isAllowed={isAllowed} />
      <Mapping isAllowed={isAllowed} />
      <Thresholds isAllowed={isAllowed} />
    </div>
  );
}

function Places({ isAllowed }: { isAllowed: boolean }) {
  const workspace = currentWorkspace();
  const asked = useQuery(governance.sources(workspace));
  const [isAdding, setAdding] = useState(false);
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: (name: string) =>
      api("DELETE", `${apiPath("workspaces", workspace)}${apiPath("sources", name)}`),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["sources", workspace] }),
  });
  return (
    <ListCard
      title="Sources"
      note="asked whether what a lineage names is still there"
      asked={asked}
      head={["Name", "Kind", "Where", ""]}
      row={(each) => (
        <tr key={each.name} className="hover:bg-hover">
          <td className="font-medium">{each.name}</td>
          <td>
            <Badge>{each.kind}</Badge>
          </td>
          <td>
            <code className="font-mono text-xs break-all">{each.location}</code>
            {each.remote ? <span className="block text-xs text-ink-3">data in {each.remote}</span> : null}
            {each.credentials ? (
              <span className="block text-xs text-ink-3">with {each.credentials} of the server</span>
            ) : null}
          </td>
          <td className="text-right">
            {isAllowed ? (
              <Button size="sm" variant="ghost" onClick={() => remove.mutate(each.name)}>
                Remove
              </Button>
            ) : null}
          </td>
        </tr>
      )}
      empty="None, so the server asks nobody: references to git, DVC, lakeFS, a hub or a bucket stay unknown."
      add={
        isAllowed ? (
          <>
            <Plus /> Add a source
          </>
        ) : null
      }
      onAdd={() => setAdding(true)}
    >
      {isAdding ? <NewSource workspace={workspace} onClose={() => setAdding(false)} /> : null}
    </ListCard>
  );
}

function NewSource({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const [source, setSource] = useState({ name: "", location: "", remote: "", credentials: "" });
  const [kind, setKind] = useState<Source["kind"]>("git");
  const client = useQueryClient();
  const put = useMutation({
    mutationFn: () => {
      const { name, ...rest } = source;
      const path = `${apiPath("workspaces", workspace)}${apiPath("sources", name.trim())}`;
      return api("PUT", path, { body: { kind, ...rest } });
    },
    onSuccess: () => {
      said(`${source.name} is asked from now on.`);
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["sources", workspace] }),
  });
  const field = (name: keyof typeof source) => ({
    value: source[name],
    onValue: (value: string) => setSource({ ...source, [name]: value }),
  });
  return (
    <NewDialog
      onClose={onClose}
      title="Add a source"
      note="The server reads it and never writes to it."
      action="Add it"
      isComplete={source.name.trim() !== "" && source.location.trim() !== ""}
      doing={put}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField label="Name" help="For this list." placeholder="training-code" {...field("name")} />
        <Field label="Kind">
          {(props) => (
            <Select
              {...props}
              className="w-full"
              value={kind}
              onChange={(event) => setKind(KINDS.find((each) => each === event.target.value) ?? "git")}
            >
              {KINDS.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <TextField
        label="Where"
        help="A repository, a server, a bucket or a folder."
        placeholder="https://git.example.org/train.git"
        {...field("location")}
      />
      {kind === "dvc" ? (
        <TextField
          label="Storage of the data"
          help="The DVC remote."
          placeholder="s3://data/dvc"
          {...field("remote")}
        />
      ) : null}
      <TextField
        label="Credentials"
        help="The name of a variable that the server was started with; never the secret itself."
        placeholder="ASSAY_SOURCE_GIT"
        {...field("credentials")}
      />
    </NewDialog>
  );
}

const FIELDS: readonly [string, string][] = [
  ["data_version", "Data"],
  ["base_model", "Base model"],
  ["seed", "Seed"],
  ["code_commit", "Code"],
  ["ignore", "Left out of config"],
];

function Mapping({ isAllowed }: { isAllowed: boolean }) {
  const workspace = currentWorkspace();
  const { data } = useQuery(governance.mapping(workspace));
  const client = useQueryClient();
  const put = useMutation({
    mutationFn: (lineage_mapping: Record<string, unknown> | null) =>
      api("PUT", `${apiPath("workspaces", workspace)}/lineage-mapping`, { body: { lineage_mapping } }),
    onSuccess: () => said("Runs that are registered from now on are read so."),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["lineage-mapping", workspace] }),
  });
  if (!data) return null;
  const held = data.lineage_mapping;
  const onSave = (given: FormData) => {
    const own = Object.fromEntries(FIELDS.map(([name]) => [name, words(String(given.get(name) ?? ""))]));
    put.mutate({ ...held, ...own });
  };
  return (
    <Card title="Which params say what" note="names, separated by commas; the first that a run has counts">
      <HeldForm
        held={held}
        isAllowed={isAllowed}
        isPending={put.isPending}
        onSave={onSave}
        onUsual={() => put.mutate(null)}
      >
        {FIELDS.map(([name, label]) => (
          <Field
            key={name}
            label={label}
            help={
              name === "ignore"
                ? "Params that say nothing about the training, such as its name: two equal trainings keep one fingerprint."
                : undefined
            }
          >
            {(props) => (
              <Input
                {...props}
                name={name}
                disabled={!isAllowed}
                defaultValue={Array.isArray(held[name]) ? held[name].join(", ") : ""}
              />
            )}
          </Field>
        ))}
      </HeldForm>
    </Card>
  );
}

const words = (text: string): string[] =>
  text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
