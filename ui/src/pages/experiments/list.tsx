import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { FlaskConical, Pencil, Plus, RotateCcw, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Experiment } from "@/api/types";
import { failed, said, saidWithUndo } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input, SearchInput, Segmented } from "@/design/field";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, messageOf, SkeletonRows } from "@/design/states";
import { mlflowEnv } from "../snippets";

/** Where MLflow's clients keep an experiment's description. */
const NOTE_TAG = "mlflow.note.content";

export default function ExperimentsPage() {
  const { q, view } = useSearch({ from: "/experiments" });
  const navigate = useNavigate({ from: "/experiments" });
  const [creating, setCreating] = useState(false);
  const [editing, setEditing] = useState<Experiment | null>(null);
  const { data, error, isPending, refetch } = useQuery(queries.experiments(view ?? "active"));
  const client = useQueryClient();
  const move = useMutation({
    mutationFn: (each: Experiment) => {
      const path = apiPath("experiments", each.experiment_id);
      return each.lifecycle === "deleted" ? post(`${path}/restore`) : api("DELETE", path);
    },
    onSuccess: (_, each) => {
      if (each.lifecycle === "deleted") said(`${each.name} is back.`);
      else saidWithUndo(`${each.name} is in the bin.`, () => move.mutate({ ...each, lifecycle: "deleted" }));
    },
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["experiments"] }),
  });
  const words = (q ?? "").toLowerCase();
  const shown = (data ?? []).filter((each) =>
    `${each.name} ${each.tags[NOTE_TAG] ?? ""}`.toLowerCase().includes(words),
  );
  return (
    <Page
      title="Experiments"
      actions={
        <>
          <SearchInput
            value={q ?? ""}
            onValue={(next) =>
              void navigate({
                to: ".",
                search: (before) => ({ ...before, q: next || undefined }),
                replace: true,
              })
            }
            placeholder="Find an experiment"
            className="w-56"
          />
          <Segmented
            label="Which"
            value={view ?? "active"}
            onValue={(next) =>
              void navigate({
                to: ".",
                search: (before) => ({ ...before, view: next === "deleted" ? next : undefined }),
                replace: true,
              })
            }
            options={[
              { value: "active", label: "Active" },
              { value: "deleted", label: "Bin" },
            ]}
          />
          <Button variant="primary" onClick={() => setCreating(true)}>
            <Plus /> New
          </Button>
        </>
      }
    >
      {isPending ? (
        <SkeletonRows />
      ) : error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : shown.length === 0 ? (
        <Empty
          icon={<FlaskConical />}
          title={
            q
              ? `No experiment is called “${q}”`
              : view === "deleted"
                ? "The bin is empty"
                : "No experiments yet"
          }
        >
          {q || view === "deleted" ? null : <Snippet text={mlflowEnv("my-experiment")} />}
        </Empty>
      ) : (
        <Card flush>
          <Table label="Experiments" head={["Experiment", "Changed", "Created", ""]}>
            {shown.map((each) => (
              <tr key={each.experiment_id} className="group h-11 hover:bg-hover">
                <td className="w-full max-w-0 min-w-48 truncate" title={each.name}>
                  <Link
                    to="/experiments/$experimentId"
                    params={{ experimentId: each.experiment_id }}
                    className="font-medium hover:text-accent-ink hover:underline"
                  >
                    {each.name}
                  </Link>
                  <span className="ml-2 text-xs text-ink-3 tabular">#{each.experiment_id}</span>
                  {each.tags[NOTE_TAG] ? (
                    <span className="block truncate text-xs text-ink-3" title={each.tags[NOTE_TAG]}>
                      {each.tags[NOTE_TAG]}
                    </span>
                  ) : null}
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.updated_at_ms} />
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.created_at_ms} />
                </td>
                <td className="text-right whitespace-nowrap">
                  {each.lifecycle === "deleted" ? null : (
                    <IconButton
                      label={`Rename or describe ${each.name}`}
                      onClick={() => setEditing(each)}
                      className="opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
                    >
                      <Pencil />
                    </IconButton>
                  )}
                  {each.experiment_id === "0" ? null : (
                    <IconButton
                      label={each.lifecycle === "deleted" ? `Restore ${each.name}` : `Delete ${each.name}`}
                      onClick={() => move.mutate(each)}
                      className="opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
                    >
                      {each.lifecycle === "deleted" ? <RotateCcw /> : <Trash2 />}
                    </IconButton>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {creating ? <NewExperiment onClose={() => setCreating(false)} /> : null}
      {editing ? <EditExperiment experiment={editing} onClose={() => setEditing(null)} /> : null}
    </Page>
  );
}

function NewExperiment({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const navigate = useNavigate();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => post<Experiment>("/experiments", { name: name.trim() }),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["experiments"] });
      void navigate({ to: "/experiments/$experimentId", params: { experimentId: made.experiment_id } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title="New experiment"
      footer={
        <Button
          variant="primary"
          type="submit"
          form="new-experiment"
          busy={create.isPending}
          disabled={!name.trim()}
        >
          Create
        </Button>
      }
    >
      <form id="new-experiment" onSubmit={submit}>
        <Field
          label="Name"
          error={create.error ? messageOf(create.error) : null}
          help="Clients make experiments by themselves when they first log to one."
        >
          {(props) => (
            <Input
              {...props}
              autoFocus
              required
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      </form>
    </Modal>
  );
}

function EditExperiment({ experiment, onClose }: { experiment: Experiment; onClose: () => void }) {
  const before = experiment.tags[NOTE_TAG] ?? "";
  const [name, setName] = useState(experiment.name);
  const [note, setNote] = useState(before);
  const client = useQueryClient();
  const path = apiPath("experiments", experiment.experiment_id);
  const save = useMutation({
    mutationFn: async () => {
      if (name.trim() !== experiment.name) await api("PATCH", path, { body: { name: name.trim() } });
      if (note.trim() === before) return;
      if (note.trim()) await api("PUT", `${path}/tags/${NOTE_TAG}`, { body: { value: note.trim() } });
      else await api("DELETE", `${path}/tags/${NOTE_TAG}`);
    },
    onSuccess: onClose,
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["experiments"] }),
        client.invalidateQueries({ queryKey: ["experiment"] }),
      ]),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title={`Rename or describe ${experiment.name}`}
      footer={
        <Button
          variant="primary"
          type="submit"
          form="edit-experiment"
          busy={save.isPending}
          disabled={!name.trim()}
        >
          Save
        </Button>
      }
    >
      <form id="edit-experiment" onSubmit={submit} className="space-y-4">
        <Field label="Name" error={save.error ? messageOf(save.error) : null}>
          {(props) => (
            <Input
              {...props}
              autoFocus
              required
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label="Description" help="Shown in the list, and searched there.">
          {(props) => (
            <Input
              {...props}
              value={note}
              maxLength={5000}
              onChange={(event) => setNote(event.target.value)}
            />
          )}
        </Field>
      </form>
    </Modal>
  );
}
