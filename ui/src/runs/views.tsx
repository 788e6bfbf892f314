import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath } from "@/api/client";
import * as queries from "@/api/queries";
import type { SavedView } from "@/api/types";
import type { RunsSearch } from "@/app/search";
import { failed, said } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Input } from "@/design/field";
import { Popover } from "@/design/menu";
import { Moment } from "@/design/moment";

/** Arrangements of this table that somebody named; whoever reads the experiment sees them. */
export function Views({
  experimentId,
  state,
  onState,
}: {
  experimentId: string;
  state: RunsSearch;
  onState: (state: RunsSearch) => void;
}) {
  const [name, setName] = useState("");
  const client = useQueryClient();
  const views = useQuery(queries.savedViews(experimentId)).data ?? [];
  const act = useMutation({
    mutationFn: ({ view, body }: { view: string; body?: { state: RunsSearch } }) =>
      api(body ? "PUT" : "DELETE", `${apiPath("experiments", experimentId, "views", view)}`, { body }),
    onSuccess: (_, { view, body }) =>
      said(body ? `The view “${view}” is saved.` : `The view “${view}” is removed.`),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["views", experimentId] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // Marked runs are a thing of the moment, not of the view.
    act.mutate({ view: name.trim(), body: { state: { ...state, sel: undefined } } });
    setName("");
  };
  return (
    <Popover
      label="Saved views"
      className="w-72 p-2"
      trigger={
        <Button>
          <Bookmark /> <span className="max-sm:sr-only">Views</span>
        </Button>
      }
    >
      {views.length === 0 ? (
        <p className="px-2 py-1.5 text-xs text-ink-3">
          Filter, columns, sections and axes as they are now, under a name that the whole workspace sees.
        </p>
      ) : (
        <ul aria-label="Saved views" className="max-h-72 overflow-y-auto">
          {views.map((view) => (
            <ViewLine
              key={view.name}
              view={view}
              onOpen={() => onState(view.state)}
              onRemove={() => act.mutate({ view: view.name })}
            />
          ))}
        </ul>
      )}
      <form onSubmit={submit} className="mt-2 flex gap-1.5 border-t border-line pt-2">
        <Input
          aria-label="Name of the view"
          placeholder="Save this as…"
          value={name}
          maxLength={120}
          onChange={(event) => setName(event.target.value)}
          className="min-w-0 flex-1"
        />
        <Button type="submit" variant="primary" disabled={!name.trim()} busy={act.isPending}>
          Save
        </Button>
      </form>
    </Popover>
  );
}

function ViewLine({ view, onOpen, onRemove }: { view: SavedView; onOpen: () => void; onRemove: () => void }) {
  return (
    <li className="group flex items-center rounded-md hover:bg-hover">
      <button type="button" onClick={onOpen} className="min-w-0 flex-1 px-2 py-1.5 text-left">
        <span className="block truncate text-sm">{view.name}</span>
        <span className="block text-xs text-ink-3">
          {view.created_by}, <Moment at={view.updated_at_ms} />
        </span>
      </button>
      <IconButton label={`Remove the view ${view.name}`} onClick={onRemove}>
        <Trash2 />
      </IconButton>
    </li>
  );
}
