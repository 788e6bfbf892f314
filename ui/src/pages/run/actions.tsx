import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ellipsis, PackagePlus, Pencil, RotateCcw, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Run, Version } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Field, Input, Select } from "@/design/field";
import { LineageFacts } from "@/design/lineage";
import { Menu, MenuItem, MenuLine } from "@/design/menu";
import { messageOf } from "@/design/states";

export function RunActions({ run }: { run: Run }) {
  const [dialog, setDialog] = useState<"register" | "rename" | null>(null);
  const client = useQueryClient();
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["run"] }),
      client.invalidateQueries({ queryKey: ["runs"] }),
    ]);
  const bin = useMutation({
    mutationFn: () =>
      run.lifecycle === "deleted"
        ? post(`${apiPath("runs", run.run_id)}/restore`)
        : api("DELETE", apiPath("runs", run.run_id)),
    onSuccess: () =>
      said(run.lifecycle === "deleted" ? "The run is back." : "The run is in the bin; it can be restored."),
    onError: failed,
    onSettled: refresh,
  });
  return (
    <>
      <Button variant="primary" onClick={() => setDialog("register")} disabled={run.lifecycle === "deleted"}>
        <PackagePlus /> Register
      </Button>
      <Menu
        trigger={
          <IconButton label="More" className="size-8">
            <Ellipsis />
          </IconButton>
        }
      >
        <MenuItem icon={<Pencil />} onSelect={() => setDialog("rename")}>
          Rename
        </MenuItem>
        <MenuLine />
        {run.lifecycle === "deleted" ? (
          <MenuItem icon={<RotateCcw />} onSelect={() => bin.mutate()}>
            Restore
          </MenuItem>
        ) : (
          <MenuItem danger icon={<Trash2 />} onSelect={() => bin.mutate()}>
            Delete
          </MenuItem>
        )}
      </Menu>
      {dialog === "register" ? <RegisterDialog run={run} onClose={() => setDialog(null)} /> : null}
      {dialog === "rename" ? (
        <RenameDialog run={run} onClose={() => setDialog(null)} onDone={refresh} />
      ) : null}
    </>
  );
}

/** Files and lineage of a run become the next version of a model; what would be frozen is shown first. */
export function RegisterDialog({ run, onClose }: { run: Pick<Run, "run_id" | "name">; onClose: () => void }) {
  const models = useQuery(queries.models()).data ?? [];
  const draft = useQuery(queries.lineageDraft(run.run_id));
  const files = useQuery(queries.artifacts(apiPath("runs", run.run_id), ""));
  const folders = (files.data ?? []).filter((each) => each.is_folder);
  const [model, setModel] = useState("");
  const [folder, setFolder] = useState<string | null>(null);
  const chosen = folder ?? folders[0]?.path ?? "";
  const navigate = useNavigate();
  const client = useQueryClient();
  const register = useMutation({
    mutationFn: () =>
      post<Version>(`${apiPath("models", model.trim())}/versions`, {
        run_id: run.run_id,
        ...(chosen ? { artifact_path: chosen } : {}),
      }),
    onSuccess: (version) => {
      said(`${version.model} v${version.version} is registered.`, "Its files and its lineage are frozen.");
      onClose();
      void client.invalidateQueries({ queryKey: ["models"] });
      void client.invalidateQueries({ queryKey: ["versions-of-run"] });
      void navigate({
        to: "/models/$name/versions/$version",
        params: { name: version.model, version: String(version.version) },
      });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    register.mutate();
  };
  return (
    <Modal
      open
      onClose={onClose}
      title={`Register ${run.name}`}
      note="Its files are frozen with their digests, its lineage with its fingerprint."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="register"
            busy={register.isPending}
            disabled={!model.trim()}
          >
            Register a version
          </Button>
        </>
      }
    >
      <form id="register" onSubmit={submit} className="space-y-4">
        <Field
          label="Model"
          help="An existing one gets its next version; a new name makes a new model."
          error={register.error ? messageOf(register.error) : null}
        >
          {(props) => (
            <>
              <Input
                {...props}
                required
                autoFocus
                list="register-models"
                value={model}
                onChange={(event) => setModel(event.target.value)}
                placeholder="support-bot"
              />
              <datalist id="register-models">
                {models.map((each) => (
                  <option key={each.name} value={each.name} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field
          label="Files"
          help={
            files.data?.length === 0
              ? "The run has no files; a version needs some."
              : "The folder whose files make up the model."
          }
        >
          {(props) => (
            <Select
              {...props}
              className="w-full"
              value={chosen}
              onChange={(event) => setFolder(event.target.value)}
            >
              {folders.map((each) => (
                <option key={each.path} value={each.path}>
                  {each.path}/
                </option>
              ))}
              <option value="">All files of the run</option>
            </Select>
          )}
        </Field>
        {draft.data ? (
          <div className="rounded-lg border border-line">
            <LineageFacts
              values={draft.data.fields}
              origins={draft.data.origins}
              fingerprint={draft.data.fingerprint}
              note={draft.data.problem ?? undefined}
            />
          </div>
        ) : null}
      </form>
    </Modal>
  );
}

function RenameDialog({
  run,
  onClose,
  onDone,
}: {
  run: Run;
  onClose: () => void;
  onDone: () => Promise<unknown>;
}) {
  const [name, setName] = useState(run.name);
  const rename = useMutation({
    mutationFn: () => api("PATCH", apiPath("runs", run.run_id), { body: { name: name.trim() } }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  return (
    <Modal
      open
      onClose={onClose}
      title="Rename the run"
      width="sm"
      footer={
        <Button variant="primary" type="submit" form="rename" busy={rename.isPending} disabled={!name.trim()}>
          Rename
        </Button>
      }
    >
      <form
        id="rename"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate();
        }}
      >
        <Field label="Name" error={rename.error ? messageOf(rename.error) : null}>
          {(props) => (
            <Input {...props} autoFocus value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
      </form>
    </Modal>
  );
}
