import { useQuery } from "@tanstack/react-query";
import { ArrowDownToLine, ArrowUpFromLine } from "lucide-react";
import { usesOfRun } from "@/api/collections";
import { Badge } from "@/design/badge";
import { Card } from "@/design/card";
import { bytes } from "@/format/number";
import { CollectionVersionLink } from "../collections/link";
import { isInternal } from "../collections/place";

/** Which versions of collections the run read, and which it made. */
export function ArtifactEdges({ runId }: { runId: string }) {
  const all = useQuery(usesOfRun(runId)).data ?? [];
  const uses = all.filter((each) => !isInternal(each.version.collection.type));
  if (uses.length === 0) return null;
  return (
    <Card title="Inputs and outputs" note={uses.length} flush>
      <ul className="divide-y divide-line">
        {uses.map((each) => (
          <li
            key={`${each.version.version_id} ${each.direction} ${each.used_as}`}
            className="flex items-center gap-3 px-4 py-2.5"
          >
            {each.direction === "input" ? (
              <ArrowDownToLine className="size-4 shrink-0 text-ink-3" aria-label="read" />
            ) : (
              <ArrowUpFromLine className="size-4 shrink-0 text-accent-ink" aria-label="made" />
            )}
            <span className="min-w-0 flex-1">
              <CollectionVersionLink version={each.version} />
              <span className="block text-xs text-ink-3">
                {each.direction === "input" ? "read" : "made"}
                {each.used_as ? ` as ${each.used_as}` : ""}, {bytes(each.version.size_bytes)}
              </span>
            </span>
            <Badge>{each.version.collection.type}</Badge>
          </li>
        ))}
      </ul>
    </Card>
  );
}
