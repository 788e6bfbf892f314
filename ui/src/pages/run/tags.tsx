import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, apiPath, filePath, post } from "@/api/client";
import { failed } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Input } from "@/design/field";

/** Tags that clients write for themselves are theirs to change. */
export const isClientTag = (key: string): boolean => /^(mlflow|assay|wandb)\./.test(key);

/** Sets tags of a run, or takes one away when its value is null; the run is asked for again afterwards. */
export function useTagging(runId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ key, value }: { key: string; value: string | null }): Promise<unknown> =>
      value === null
        ? api("DELETE", `${apiPath("runs", runId)}/tags/${filePath(key)}`)
        : post(`${apiPath("runs", runId)}/tags`, { tags: { [key]: value } }),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["run"] }),
        client.invalidateQueries({ queryKey: ["runs"] }),
      ]),
  });
}

/** A line for one more tag. */
export function AddTag({ runId }: { runId: string }) {
  const [isOpen, setOpen] = useState(false);
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const tagging = useTagging(runId);
  if (!isOpen) {
    return (
      <Button size="sm" variant="ghost" onClick={() => setOpen(true)}>
        <Plus /> Add
      </Button>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    tagging.mutate(
      { key: key.trim(), value },
      {
        onSuccess: () => {
          setKey("");
          setValue("");
          setOpen(false);
        },
        onError: failed,
      },
    );
  };
  return (
    <form onSubmit={submit} className="flex items-center gap-1.5">
      <Input
        autoFocus
        aria-label="Name of the tag"
        placeholder="stage"
        value={key}
        onChange={(event) => setKey(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
        className="h-7 w-24 text-xs"
      />
      <Input
        aria-label="Value of the tag"
        placeholder="candidate"
        value={value}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
        className="h-7 w-28 text-xs"
      />
      <Button size="sm" variant="primary" type="submit" busy={tagging.isPending} disabled={!key.trim()}>
        Set
      </Button>
    </form>
  );
}

/** Takes a tag away. */
export function RemoveTag({ runId, name }: { runId: string; name: string }) {
  const tagging = useTagging(runId);
  return (
    <IconButton
      label={`Remove the tag ${name}`}
      disabled={tagging.isPending}
      onClick={() => tagging.mutate({ key: name, value: null }, { onError: failed })}
      className="-my-1 size-5 opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
    >
      <X className="size-3.5" />
    </IconButton>
  );
}
