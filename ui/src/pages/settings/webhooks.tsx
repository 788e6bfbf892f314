import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Webhook as WebhookIcon } from "lucide-react";
import { type FormEvent, useState } from "react";
import { ApiError, api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Webhook } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { Moment } from "@/design/moment";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, messageOf, SkeletonRows } from "@/design/states";

const EVENTS = [
  "promotion",
  "promotion.held",
  "rollback",
  "break_glass",
  "version.registered",
  "version.state_changed",
  "verdict",
  "run.health_finding",
  "run.alert",
] as const;

/** Who is told when something happens in the registry, and whether it reached them. */
export function Webhooks({ may }: { may: (action: string) => boolean }) {
  const isAllowed = may("workspace.write");
  const { data, error, isPending, refetch } = useQuery({ ...queries.webhooks(), enabled: isAllowed });
  const [creating, setCreating] = useState(false);
  if (!isAllowed) return <p className="text-ink-2">Your roles do not show webhooks; an admin's do.</p>;
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  return (
    <>
      <Card
        title="Webhooks"
        note={data.length || undefined}
        flush
        actions={
          <Button size="sm" onClick={() => setCreating(true)}>
            <Plus /> New webhook
          </Button>
        }
      >
        {data.length === 0 ? (
          <Empty icon={<WebhookIcon />} title="Nobody is told">
            <p>
              A webhook sends each event of the registry as signed JSON to an address of yours: a chat, a
              deployment, a mailbox.
            </p>
          </Empty>
        ) : (
          <Table label="Webhooks" head={["Name", "Events", "State", "Last delivered", ""]}>
            {data.map((each) => (
              <Line key={each.webhook_id} webhook={each} />
            ))}
          </Table>
        )}
      </Card>
      {creating ? <NewWebhook onClose={() => setCreating(false)} /> : null}
    </>
  );
}

function Line({ webhook }: { webhook: Webhook }) {
  const client = useQueryClient();
  const path = apiPath("webhooks", webhook.webhook_id);
  const onSettled = () => client.invalidateQueries({ queryKey: ["webhooks"] });
  const test = useMutation({
    mutationFn: () => post<{ delivered: boolean; status: number | null; error: string }>(`${path}/test`),
    onSuccess: ({ delivered, status, error }) =>
      delivered
        ? said(`${webhook.name} answered ${status}.`)
        : failed(new Error(error || `${webhook.name} answered ${status}.`)),
    onError: failed,
    onSettled,
  });
  const change = useMutation({
    mutationFn: (status: string) => api("PATCH", path, { body: { status } }),
    onError: failed,
    onSettled,
  });
  const remove = useMutation({ mutationFn: () => api("DELETE", path), onError: failed, onSettled });
  const isActive = webhook.status === "active";
  return (
    <tr className="hover:bg-hover">
      <td className="max-w-72">
        <span className="block font-medium">{webhook.name}</span>
        <span className="block truncate text-xs text-ink-3" title={webhook.url}>
          {webhook.url}
        </span>
      </td>
      <td>
        <span className="flex max-w-64 flex-wrap gap-1">
          {webhook.events.map((each) => (
            <Badge key={each}>{each}</Badge>
          ))}
        </span>
      </td>
      <td>
        {!isActive ? (
          <Badge>Off</Badge>
        ) : webhook.failures > 0 ? (
          <Badge tone="bad">{webhook.failures} failed</Badge>
        ) : (
          <Badge tone="good">On</Badge>
        )}
        <span className="mt-0.5 block text-xs text-ink-3">{webhook.is_signed ? "signed" : "not signed"}</span>
      </td>
      <td className="whitespace-nowrap text-ink-2">
        {webhook.last_delivered_at_ms === null ? "never" : <Moment at={webhook.last_delivered_at_ms} />}
      </td>
      <td>
        <span className="flex justify-end gap-1">
          <Button size="sm" variant="ghost" busy={test.isPending} onClick={() => test.mutate()}>
            Test
          </Button>
          <Button
            size="sm"
            variant="ghost"
            busy={change.isPending}
            onClick={() => change.mutate(isActive ? "disabled" : "active")}
          >
            {isActive ? "Turn off" : "Turn on"}
          </Button>
          <Button size="sm" variant="ghost" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove
          </Button>
        </span>
      </td>
    </tr>
  );
}

function NewWebhook({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<ReadonlySet<string>>(new Set(EVENTS.slice(0, 3)));
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () =>
      post<{ secret: string | null }>("/webhooks", { name: name.trim(), url, events: [...events] }),
    onSettled: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  const wrong = create.error instanceof ApiError && create.error.field === "name" ? "name" : "url";
  const fault = (field: string) => (create.error && wrong === field ? messageOf(create.error) : null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (create.data) {
    return (
      <Modal
        open
        onClose={onClose}
        title="Copy the secret now"
        note="It signs what is sent, and is shown this once."
        footer={
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <Snippet text={create.data.secret ?? ""} />
      </Modal>
    );
  }
  return (
    <Modal
      open
      onClose={onClose}
      title="New webhook"
      note="Sent as signed JSON, repeated until it is taken."
      footer={
        <Button
          variant="primary"
          type="submit"
          form="webhook"
          busy={create.isPending}
          disabled={!name.trim() || !url.trim() || events.size === 0}
        >
          Create
        </Button>
      }
    >
      <form id="webhook" onSubmit={submit} className="space-y-4">
        <Field label="Name" error={fault("name")}>
          {(props) => (
            <Input
              {...props}
              autoFocus
              placeholder="release-chat"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label="Address" error={fault("url")}>
          {(props) => (
            <Input
              {...props}
              value={url}
              onChange={(event) => setUrl(event.target.value)}
              placeholder="https://hooks.example.org/assay"
            />
          )}
        </Field>
        <fieldset>
          <legend className="mb-2 text-xs font-medium text-ink-2">Events</legend>
          <div className="grid gap-2 sm:grid-cols-2">
            {EVENTS.map((each) => (
              <label key={each} className="flex items-center gap-2 text-sm">
                <input
                  type="checkbox"
                  checked={events.has(each)}
                  onChange={() => {
                    const next = new Set(events);
                    if (!next.delete(each)) next.add(each);
                    setEvents(next);
                  }}
                  className="accent-accent"
                />
                {each}
              </label>
            ))}
          </div>
        </fieldset>
      </form>
    </Modal>
  );
}
