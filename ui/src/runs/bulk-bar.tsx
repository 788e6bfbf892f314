import { useMutation, useQueryClient } from "@tanstack/react-query";
import { GitCompareArrows, RotateCcw, Tag, Trash2, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, post } from "@/api/client";
import { failed, said, saidWithUndo } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { plural } from "@/format/number";

const AT_ONCE = 8;

/** Does something for each id, a few at a time; the first refusal ends it. */
async function each(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<void> {
  const queue = [...ids];
  const work = async () => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) await act(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** What can be done with the runs that are selected. */
export function BulkBar({
  ids,
  inBin,
  onClear,
  onCompare,
}: {
  ids: readonly string[];
  inBin: boolean;
  onClear: () => void;
  onCompare: () => void;
}) {
  const queries = useQueryClient();
  const [tagging, setTagging] = useState(false);
  const act = useMutation({
    mutationFn: async ({
      kind,
      tags,
      of,
    }: {
      kind: "delete" | "restore" | "tag";
      tags?: Record<string, string>;
      /** Other runs than those that are selected: the ones whose deletion is undone. */
      of?: readonly string[];
    }) => {
      await each(of ?? ids, (id) => {
        if (kind === "delete") return api("DELETE", apiPath("runs", id));
        if (kind === "restore") return post(`${apiPath("runs", id)}/restore`);
        return post(`${apiPath("runs", id)}/tags`, { tags });
      });
      return kind;
    },
    onSuccess: (kind, { of }) => {
      const gone = of ?? ids;
      const [count, is] = [plural(gone.length, "run"), gone.length === 1 ? "is" : "are"];
      if (kind === "delete")
        saidWithUndo(`${count} ${is} in the bin.`, () => act.mutate({ kind: "restore", of: gone }));
      else
        said(
          kind === "restore"
            ? `${count} ${is} back.`
            : `${count} ${gone.length === 1 ? "has" : "have"} the tag.`,
        );
      setTagging(false);
      if (kind !== "tag" && !of) onClear();
    },
    onError: failed,
    onSettled: () => queries.invalidateQueries({ queryKey: ["runs"] }),
  });

  return (
    <div className="pointer-events-none absolute inset-x-0 bottom-4 z-30 flex justify-center px-3">
      <div
        role="toolbar"
        aria-label="Selected runs"
        className="pointer-events-auto flex animate-[rise_140ms_ease-out] flex-wrap items-center gap-1 rounded-lg border border-line bg-raised p-1.5 shadow-high"
      >
        <span className="px-2 text-sm font-medium tabular">{plural(ids.length, "run")}</span>
        <Button size="sm" variant="primary" disabled={ids.length < 2} onClick={onCompare}>
          <GitCompareArrows /> Compare
        </Button>
        <Button size="sm" variant="ghost" onClick={() => setTagging(true)} disabled={inBin}>
          <Tag /> Tag
        </Button>
        {inBin ? (
          <Button
            size="sm"
            variant="ghost"
            busy={act.isPending}
            onClick={() => act.mutate({ kind: "restore" })}
          >
            <RotateCcw /> Restore
          </Button>
        ) : (
          <Button
            size="sm"
            variant="ghost"
            busy={act.isPending}
            onClick={() => act.mutate({ kind: "delete" })}
          >
            <Trash2 /> Delete
          </Button>
        )}
        <IconButton label="Clear the selection" onClick={onClear}>
          <X />
        </IconButton>
      </div>
      <TagDialog
        open={tagging}
        count={ids.length}
        busy={act.isPending}
        onClose={() => setTagging(false)}
        onTag={(key, value) => act.mutate({ kind: "tag", tags: { [key]: value } })}
      />
    </div>
  );
}

function TagDialog({
  open,
  count,
  busy,
  onClose,
  onTag,
}: {
  open: boolean;
  count: number;
  busy: boolean;
  onClose: () => void;
  onTag: (key: string, value: string) => void;
}) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onTag(key.trim(), value);
  };
  return (
    <Modal
      open={open}
      onClose={onClose}
      title={`Tag ${plural(count, "run")}`}
      note="A tag of that name is overwritten."
      width="sm"
      footer={
        <Button variant="primary" type="submit" form="tag-form" busy={busy} disabled={!key.trim()}>
          Set the tag
        </Button>
      }
    >
      <form id="tag-form" onSubmit={submit} className="grid grid-cols-2 gap-3">
        <Field label="Name">
          {(props) => (
            <Input
              {...props}
              autoFocus
              value={key}
              onChange={(event) => setKey(event.target.value)}
              placeholder="stage"
            />
          )}
        </Field>
        <Field label="Value">
          {(props) => (
            <Input
              {...props}
              value={value}
              onChange={(event) => setValue(event.target.value)}
              placeholder="candidate"
            />
          )}
        </Field>
      </form>
    </Modal>
  );
}
