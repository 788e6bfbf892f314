import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Token } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input, Select } from "@/design/field";
import { Moment } from "@/design/moment";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, messageOf, SkeletonRows } from "@/design/states";

const DAY_MS = 86_400_000;

export function Tokens({ may }: { may: (action: string) => boolean }) {
  const { data, error, isPending, refetch } = useQuery(queries.tokens());
  const [creating, setCreating] = useState(false);
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: (id: string) => api("DELETE", apiPath("tokens", id)),
    onSuccess: () => said("The token is revoked.", "It is refused from the next request on."),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  const isAllowed = may("access.write");
  return (
    <>
      <Card
        title="Tokens"
        note="only their digests are stored"
        flush
        actions={
          <Button size="sm" onClick={() => setCreating(true)} disabled={!isAllowed}>
            <Plus /> New token
          </Button>
        }
      >
        {data.length === 0 ? (
          <Empty icon={<KeyRound />} title="No tokens yet" />
        ) : (
          <Table label="Tokens" head={["Token", "Of", "State", "Used", "Made", ""]}>
            {data.map((each) => (
              <tr key={each.token_id} className={each.revoked_at_ms ? "opacity-60" : undefined}>
                <td>
                  <code className="font-mono text-xs">{each.token_id}</code>
                  {each.description ? (
                    <span className="block text-xs text-ink-3">{each.description}</span>
                  ) : null}
                </td>
                <td>{each.principal}</td>
                <td>
                  <State token={each} />
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.last_used_at_ms} />
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.created_at_ms} />
                </td>
                <td className="text-right">
                  {each.revoked_at_ms ? null : (
                    <Button
                      size="sm"
                      variant="ghost"
                      disabled={!isAllowed}
                      onClick={() => revoke.mutate(each.token_id)}
                    >
                      Revoke
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      {creating ? <NewToken onClose={() => setCreating(false)} /> : null}
    </>
  );
}

function State({ token }: { token: Token }) {
  if (token.revoked_at_ms) return <Badge tone="bad">Revoked</Badge>;
  if (token.expires_at_ms === null) return <Badge tone="good">Valid</Badge>;
  return token.expires_at_ms < Date.now() ? (
    <Badge>Expired</Badge>
  ) : (
    <Badge tone="good">
      Valid until <Moment at={token.expires_at_ms} />
    </Badge>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const principals = useQuery(queries.principals()).data ?? [];
  const [principal, setPrincipal] = useState("");
  const [description, setDescription] = useState("");
  const [days, setDays] = useState("90");
  const client = useQueryClient();
  const owner = principal || principals[0]?.name || "";
  const create = useMutation({
    mutationFn: () =>
      post<{ token: string; principal: string }>("/tokens", {
        principal: owner,
        description,
        expires_at_ms: days === "" ? null : Date.now() + Number(days) * DAY_MS,
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  if (create.data) {
    return (
      <Modal
        open
        onClose={onClose}
        title="Copy the token now"
        note="It is shown this once; only its digest is stored."
        footer={
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <Snippet text={create.data.token} />
        <p className="mt-4 mb-2 text-ink-2">To use it in a terminal:</p>
        <Snippet text={`export ASSAY_URL=${window.location.origin}\nexport ASSAY_TOKEN=…`} />
      </Modal>
    );
  }
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title="New token"
      footer={
        <Button variant="primary" busy={create.isPending} disabled={!owner} onClick={() => create.mutate()}>
          Create
        </Button>
      }
    >
      <div className="space-y-3">
        <Field label="For">
          {(props) => (
            <Select
              {...props}
              className="w-full"
              value={owner}
              onChange={(event) => setPrincipal(event.target.value)}
            >
              {principals.map((each) => (
                <option key={each.name}>{each.name}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="What for">
          {(props) => (
            <Input
              {...props}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
              placeholder="the nightly sweep"
            />
          )}
        </Field>
        <Field label="Ends">
          {(props) => (
            <Select
              {...props}
              className="w-full"
              value={days}
              onChange={(event) => setDays(event.target.value)}
            >
              <option value="7">after a week</option>
              <option value="90">after 90 days</option>
              <option value="365">after a year</option>
              <option value="">never</option>
            </Select>
          )}
        </Field>
        {create.error ? <p className="text-xs text-bad">{messageOf(create.error)}</p> : null}
      </div>
    </Modal>
  );
}
