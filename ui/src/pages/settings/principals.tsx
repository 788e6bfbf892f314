import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Users } from "lucide-react";
import { useState } from "react";
import { api, apiPath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Principal } from "@/api/types";
import { failed, said } from "@/app/toasts";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input, Select } from "@/design/field";
import { Moment } from "@/design/moment";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, messageOf, SkeletonRows } from "@/design/states";

const KINDS = ["user", "service", "gate"] as const;
const ROLES = ["viewer", "contributor", "maintainer", "auditor", "gate", "admin"] as const;

export function Principals({ may }: { may: (action: string) => boolean }) {
  const { data, error, isPending, refetch } = useQuery(queries.principals());
  const [dialog, setDialog] = useState<"new" | Principal | null>(null);
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["principals"] });
  const change = useMutation({
    mutationFn: (each: Principal) =>
      api("PATCH", apiPath("principals", each.name), { body: { disabled: !each.disabled } }),
    onSuccess: (_, each) => said(`${each.name} is ${each.disabled ? "let in again" : "shut out"}.`),
    onError: failed,
    onSettled: refresh,
  });
  const revoke = useMutation({
    mutationFn: (body: { principal: string; role: string; workspace: string }) =>
      api("DELETE", "/roles", { body }),
    onError: failed,
    onSettled: refresh,
  });
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  const isAllowed = may("access.write");
  return (
    <>
      <Card
        title="Members"
        note="people, services and gate runners"
        flush
        actions={
          <Button size="sm" onClick={() => setDialog("new")} disabled={!isAllowed}>
            <Plus /> Add
          </Button>
        }
      >
        {data.length === 0 ? (
          <Empty icon={<Users />} title="Nobody has an account">
            <p>
              In local mode everyone on this machine is the owner. Start the server with accounts to let
              others in:
            </p>
            <Snippet text="assay serve --auth --host 0.0.0.0" />
          </Empty>
        ) : (
          <Table label="Members" head={["Name", "Kind", "Roles", "Added", ""]}>
            {data.map((each) => (
              <tr key={each.name} className={each.disabled ? "opacity-60" : undefined}>
                <td className="font-medium">
                  {each.name} {each.disabled ? <Badge tone="bad">Shut out</Badge> : null}
                </td>
                <td className="text-ink-2">{each.kind}</td>
                <td>
                  <span className="flex flex-wrap gap-1">
                    {Object.entries(each.roles).flatMap(([workspace, roles]) =>
                      roles.map((role) => (
                        <Badge key={`${workspace} ${role}`}>
                          {role}
                          {workspace === "*" ? ", everywhere" : ` in ${workspace}`}
                          {isAllowed ? (
                            <button
                              type="button"
                              aria-label={`Take ${role} in ${workspace} from ${each.name}`}
                              onClick={() => revoke.mutate({ principal: each.name, role, workspace })}
                              className="px-0.5 hover:text-bad"
                            >
                              ×
                            </button>
                          ) : null}
                        </Badge>
                      )),
                    )}
                  </span>
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.created_at_ms} />
                </td>
                <td className="text-right whitespace-nowrap">
                  <Button size="sm" variant="ghost" disabled={!isAllowed} onClick={() => setDialog(each)}>
                    Grant a role
                  </Button>
                  <Button size="sm" variant="ghost" disabled={!isAllowed} onClick={() => change.mutate(each)}>
                    {each.disabled ? "Let in" : "Shut out"}
                  </Button>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      {dialog ? (
        <MemberDialog
          principal={dialog === "new" ? null : dialog}
          onClose={() => setDialog(null)}
          onDone={refresh}
        />
      ) : null}
    </>
  );
}

function MemberDialog({
  principal,
  onClose,
  onDone,
}: {
  principal: Principal | null;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const workspaces = useQuery(queries.workspaces()).data ?? [];
  const [name, setName] = useState("");
  const [kind, setKind] = useState<string>("user");
  const [role, setRole] = useState<string>("contributor");
  const [workspace, setWorkspace] = useState("default");
  const save = useMutation({
    mutationFn: () =>
      principal
        ? api("PUT", "/roles", { body: { principal: principal.name, role, workspace } })
        : post("/principals", { name: name.trim(), kind, roles: { [workspace]: [role] } }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title={principal ? `Grant ${principal.name} a role` : "Add a member"}
      footer={
        <Button
          variant="primary"
          busy={save.isPending}
          disabled={!principal && !name.trim()}
          onClick={() => save.mutate()}
        >
          {principal ? "Grant" : "Add"}
        </Button>
      }
    >
      <div className="space-y-3">
        {principal ? null : (
          <>
            <Field label="Name">
              {(props) => (
                <Input {...props} autoFocus value={name} onChange={(event) => setName(event.target.value)} />
              )}
            </Field>
            <Field label="Kind" help="Only a gate runner can ever write a verdict.">
              {(props) => <Choice {...props} value={kind} onValue={setKind} options={KINDS} />}
            </Field>
          </>
        )}
        <div className="grid grid-cols-2 gap-3">
          <Field label="Role">
            {(props) => <Choice {...props} value={role} onValue={setRole} options={ROLES} />}
          </Field>
          <Field label="Workspace">
            {(props) => (
              <Choice
                {...props}
                value={workspace}
                onValue={setWorkspace}
                options={[...workspaces.map((each) => each.name), "*"]}
              />
            )}
          </Field>
        </div>
        {save.error ? <p className="text-xs text-bad">{messageOf(save.error)}</p> : null}
      </div>
    </Modal>
  );
}

function Choice({
  value,
  onValue,
  options,
  ...rest
}: {
  id: string;
  value: string;
  onValue: (value: string) => void;
  options: readonly string[];
}) {
  return (
    <Select {...rest} className="w-full" value={value} onChange={(event) => onValue(event.target.value)}>
      {options.map((each) => (
        <option key={each} value={each}>
          {each === "*" ? "everywhere" : each}
        </option>
      ))}
    </Select>
  );
}
