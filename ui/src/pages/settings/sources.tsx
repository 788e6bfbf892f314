import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, currentWorkspace } from "@/api/client";
import type { Source } from "@/api/governance";
import * as governance from "@/api/governance";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input, Select } from "@/design/field";
import { Failure, SkeletonRows } from "@/design/states";
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
  const { data, error, isPending } = useQuery(governance.sources(workspace));
  const [isAdding, setAdding] = useState(false);
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: (name: string) =>
      api("DELETE", `${apiPath("workspaces", workspace)}${apiPath("sources", name)}`),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["sources", workspace] }),
  });
  return (
    <Card
      title="Sources"
      note="asked whether what a lineage names is still there"
      flush
      actions={
        isAllowed ? (
          <Button size="sm" onClick={() => setAdding(true)}>
            <Plus /> Add a source
          </Button>
        ) : null
      }
    >
      {isPending ? (
        <SkeletonRows rows={2} />
      ) : error ? (
        <Failure compact error={error} />
      ) : data.length === 0 ? (
        <p className="p-4 text-ink-2">
          None, so the server asks nobody: references to git, DVC, lakeFS, a hub or a bucket stay unknown.
        </p>
      ) : (
        <Table label="Sources" head={["Name", "Kind", "Where", ""]}>
          {data.map((each) => (
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
          ))}
        </Table>
      )}
      {isAdding ? <NewSource workspace={workspace} onClose={() => setAdding(false)} /> : null}
    </Card>
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
  const input = (name: keyof typeof source, label: string, help: string, placeholder: string) => (
    <Field label={label} help={help}>
      {(props) => (
        <Input
          {...props}
          value={source[name]}
          placeholder={placeholder}
          onChange={(event) => setSource({ ...source, [name]: event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <Modal
      open
      onClose={onClose}
      title="Add a source"
      note="The server reads it and never writes to it."
      footer={
        <Button
          variant="primary"
          busy={put.isPending}
          disabled={!source.name.trim() || !source.location.trim()}
          onClick={() => put.mutate()}
        >
          Add it
        </Button>
      }
    >
      <div className="space-y-3">
        <div className="grid gap-3 sm:grid-cols-2">
          {input("name", "Name", "For this list.", "training-code")}
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
        {input(
          "location",
          "Where",
          "A repository, a server, a bucket or a folder.",
          "https://git.example.org/train.git",
        )}
        {kind === "dvc" ? input("remote", "Storage of the data", "The DVC remote.", "s3://data/dvc") : null}
        {input(
          "credentials",
          "Credentials",
          "The name of a variable that the server was started with; never the secret itself.",
          "ASSAY_SOURCE_GIT",
        )}
        {put.error ? <Failure compact error={put.error} /> : null}
      </div>
    </Modal>
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
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const own = Object.fromEntries(FIELDS.map(([name]) => [name, words(String(given.get(name) ?? ""))]));
    put.mutate({ ...held, ...own });
  };
  return (
    <Card title="Which params say what" note="names, separated by commas; the first that a run has counts">
      <form key={JSON.stringify(held)} onSubmit={onSubmit} className="space-y-3">
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
        {isAllowed ? (
          <div className="flex gap-2">
            <Button type="submit" busy={put.isPending}>
              Save
            </Button>
            <Button variant="ghost" onClick={() => put.mutate(null)}>
              Back to the usual
            </Button>
          </div>
        ) : null}
      </form>
    </Card>
  );
}

const words = (text: string): string[] =>
  text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
