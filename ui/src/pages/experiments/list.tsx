import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { FlaskConical, Plus, RotateCcw, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Experiment } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input, SearchInput, Segmented } from "@/design/field";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, messageOf, SkeletonRows } from "@/design/states";

export default function ExperimentsPage() {
  const { q, view } = useSearch({ from: "/experiments" });
  const navigate = useNavigate({ from: "/experiments" });
  const [creating, setCreating] = useState(false);
  const { data, error, isPending, refetch } = useQuery(queries.experiments(view ?? "active"));
  const client = useQueryClient();
  const move = useMutation({
    mutationFn: (each: Experiment) => {
      const path = apiPath("experiments", each.experiment_id);
      return each.lifecycle === "deleted" ? post(`${path}/restore`) : api("DELETE", path);
    },
    onSuccess: (_, each) =>
      said(
        each.lifecycle === "deleted"
          ? `${each.name} is back.`
          : `${each.name} is in the bin; it can be restored.`,
      ),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["experiments"] }),
  });
  const words = (q ?? "").toLowerCase();
  const shown = (data ?? []).filter((each) => each.name.toLowerCase().includes(words));
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
          {q || view === "deleted" ? null : (
            <Snippet
              text={`export MLFLOW_TRACKING_URI=${window.location.origin}\nexport MLFLOW_EXPERIMENT_NAME=my-experiment`}
            />
          )}
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
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.updated_at_ms} />
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.created_at_ms} />
                </td>
                <td className="text-right">
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
