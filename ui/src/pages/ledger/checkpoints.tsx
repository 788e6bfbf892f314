import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Flag } from "lucide-react";
import { post } from "@/api/client";
import type { Checkpoint } from "@/api/governance";
import * as governance from "@/api/governance";
import { failed } from "@/app/toasts";
import { Button, IconButton } from "@/design/button";
import { Card, Table } from "@/design/card";
import { Moment } from "@/design/moment";
import { Digest, Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { receive } from "@/files/receive";

/** The ledger's beginning under a signature: kept elsewhere, it shows when something was taken away. */
export function Checkpoints() {
  const { data, error, isPending } = useQuery(governance.checkpoints());
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () => post<Checkpoint>("/ledger/checkpoints"),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["ledger", "checkpoints"] }),
  });
  return (
    <Card
      title="Checkpoints"
      note="signed by this server"
      flush
      actions={
        <Button size="sm" busy={make.isPending} onClick={() => make.mutate()}>
          <Flag /> Make one now
        </Button>
      }
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : error ? (
        <Failure compact error={error} />
      ) : data.length === 0 ? (
        <p className="p-4 text-ink-2">
          None yet. A checkpoint that is kept elsewhere shows when events were cut off or rewritten.
        </p>
      ) : (
        <div className="max-h-80 overflow-y-auto">
          <Table label="Checkpoints" head={["Events", "Root", "Taken", ""]}>
            {data.map((each) => (
              <tr key={each.size} className="hover:bg-hover">
                <td className="font-medium tabular">{each.size.toLocaleString("en-US")}</td>
                <td>
                  <Digest value={each.root} />
                </td>
                <td className="whitespace-nowrap text-ink-2">
                  <Moment at={each.at_ms} />
                </td>
                <td className="text-right">
                  <IconButton
                    label={`Download the note of ${each.size} events`}
                    onClick={() =>
                      void receive(
                        `/ledger/checkpoints/${each.size}/note`,
                        `checkpoint-${each.size}.txt`,
                      ).catch(failed)
                    }
                  >
                    <Download />
                  </IconButton>
                </td>
              </tr>
            ))}
          </Table>
        </div>
      )}
    </Card>
  );
}

/** How to take events away for an auditor, who needs nothing of ours to verify them. */
export function Export({ from, to }: { from: string | undefined; to: string | undefined }) {
  const first = from ?? `${new Date().getUTCFullYear()}-01-01`;
  const last = to ?? new Date().toISOString().slice(0, 10);
  return (
    <Card title="For an auditor">
      <p className="mb-3 text-ink-2">
        Events with their proofs, signed, and a verifier that needs nothing but Python:
      </p>
      <Snippet text={`assay audit export -o ./ledger --from ${first} --to ${last}`} />
      <p className="mt-4 mb-3 text-ink-2">Checkpoints kept where this server cannot write again:</p>
      <Snippet text={"assay audit anchor --to git:./anchors\nassay audit verify --anchors git:./anchors"} />
    </Card>
  );
}
