import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { HardDrive, Lock } from "lucide-react";
import type { ReactNode } from "react";
import { type ExperimentSize, type Storage as Kept, type StorageCount, storage } from "@/api/storage";
import { Card, Fact, Facts, Table } from "@/design/card";
import { Moment } from "@/design/moment";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { bytes, plural } from "@/format/number";

const ENGINES = { sqlite: "SQLite", postgresql: "PostgreSQL" } as const;
const STORES: Record<string, string> = { folder: "Local folder", bucket: "S3 bucket" };
/** The server counts waiting notices up to here. */
const MOST_NOTICES = 10_000;

const count = (value: number): string => value.toLocaleString("en-US");

/** What the server keeps, what waits, and which experiments take most of the room. */
export function Storage({ isAllowed }: { isAllowed: boolean }) {
  const { data, error, isPending, refetch } = useQuery({ ...storage(), enabled: isAllowed });
  if (!isAllowed) {
    return (
      <Empty icon={<Lock />} title="For admins and auditors">
        <p>How much this server keeps is shown to those who look after it.</p>
      </Empty>
    );
  }
  if (isPending) return <SkeletonRows rows={6} />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  return (
    <div className="space-y-5">
      <Figures kept={data} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Waiting backlogs={data.backlogs} />
        <Card title="Where">
          <Facts>
            <Fact name="Database">
              {ENGINES[data.database.engine]}, schema {data.database.schema}
            </Fact>
            <Fact name="Files">{STORES[data.blob_store.kind] ?? data.blob_store.kind}</Fact>
            <Fact name="Server">Assay {data.server_version}</Fact>
            <Fact name="In a terminal">
              <Snippet text="assay storage" />
            </Fact>
          </Facts>
        </Card>
      </div>
      <Largest found={data.count} />
    </div>
  );
}

function Figures({ kept }: { kept: Kept }) {
  const found = kept.count;
  const free = kept.blob_store.free_bytes;
  return (
    <section aria-label="What is kept">
      <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line shadow-low lg:grid-cols-4">
        <Figure name="Database" note={ENGINES[kept.database.engine]}>
          {bytes(kept.database.size_bytes)}
        </Figure>
        <Figure
          name="Files"
          note={[
            found ? plural(found.blobs.count, "file") : null,
            free === null ? null : `${bytes(free)} free`,
          ]
            .filter(Boolean)
            .join(", ")}
        >
          {found ? bytes(found.blobs.size_bytes) : "…"}
        </Figure>
        <Figure name="Metric points" note={found ? packing(found) : ""}>
          {found ? count(found.chunks.points + found.tail.points) : "…"}
        </Figure>
        <Figure name="Runs" note="in all workspaces">
          {found ? count(found.runs) : "…"}
        </Figure>
      </dl>
      <p className="mt-2 text-xs text-ink-3" role="status">
        {found ? (
          <>
            Counted <Moment at={found.counted_at_ms} />
            {kept.is_counting ? "; being counted anew" : ""}. Sizes and what waits are as of now.
          </>
        ) : (
          "Being counted for the first time. This page shows the numbers when they are there."
        )}
      </p>
    </section>
  );
}

/** Points come in one by one and are packed once enough of a run are there, or nothing more comes. */
function packing({ chunks, tail }: StorageCount): string {
  if (tail.points === 0) return chunks.points === 0 ? "none yet" : "all packed";
  return chunks.points === 0 ? "not packed yet" : `${count(tail.points)} of them not packed yet`;
}

function Figure({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div className="min-w-0 bg-surface px-4 py-3.5">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="mt-1 truncate text-xl font-semibold tracking-[-0.015em] tabular">{children}</dd>
      <dd className="mt-0.5 min-h-4 text-xs text-ink-3">{note}</dd>
    </div>
  );
}

function Waiting({ backlogs }: { backlogs: Kept["backlogs"] }) {
  const notices = backlogs.webhook_deliveries;
  return (
    <Card title="What waits" note="now, in the process that answered">
      <Facts>
        <Fact name="To be written">
          {backlogs.ingest_batches === 0
            ? "Nothing"
            : `${plural(backlogs.ingest_batches, "batch", "batches")} with ${plural(backlogs.ingest_points, "point")}`}
        </Fact>
        <Fact name="To be packed">
          {backlogs.unpacked_runs === 0 ? "Nothing" : `Points of ${plural(backlogs.unpacked_runs, "run")}`}
        </Fact>
        <Fact name="For webhooks">
          {notices === 0
            ? "Nothing"
            : `${plural(notices, "notice")}${notices >= MOST_NOTICES ? " or more" : ""}`}
        </Fact>
      </Facts>
    </Card>
  );
}

function Largest({ found }: { found: StorageCount | null }) {
  const most = Math.max(1, ...(found?.largest ?? []).map((each) => each.artifact_bytes));
  return (
    <Card
      title="Largest experiments"
      note="by files, then by points; a file that two runs share counts for both"
      flush
    >
      {found === null ? (
        <SkeletonRows rows={3} />
      ) : found.largest.length === 0 ? (
        <Empty icon={<HardDrive />} title="Nothing takes room yet">
          <p>Experiments appear here once their runs have logged metrics or files.</p>
        </Empty>
      ) : (
        <Table
          label="Largest experiments"
          head={[
            "Experiment",
            "Workspace",
            <Right key="f">Files</Right>,
            "",
            <Right key="p">Points</Right>,
            <Right key="r">Runs</Right>,
          ]}
        >
          {found.largest.map((each) => (
            <Row key={each.experiment_id} size={each} most={most} />
          ))}
        </Table>
      )}
    </Card>
  );
}

const Right = ({ children }: { children: ReactNode }) => <span className="block text-right">{children}</span>;

function Row({ size, most }: { size: ExperimentSize; most: number }) {
  const share = `${Math.max(size.artifact_bytes > 0 ? 1 : 0, Math.round((100 * size.artifact_bytes) / most))}%`;
  return (
    <tr className="hover:bg-hover">
      <td className="max-w-64">
        <Link
          to="/experiments/$experimentId"
          params={{ experimentId: size.experiment_id }}
          search={{ ws: size.workspace }}
          className="block truncate font-medium hover:underline"
        >
          {size.name}
        </Link>
      </td>
      <td className="text-ink-2">{size.workspace}</td>
      <td className="text-right whitespace-nowrap tabular">{bytes(size.artifact_bytes)}</td>
      <td className="w-40 max-sm:hidden" aria-hidden>
        <span className="block h-1.5 rounded-full bg-sunken">
          <span className="block h-1.5 rounded-full bg-accent/70" style={{ width: share }} />
        </span>
      </td>
      <td className="text-right tabular">{count(size.points)}</td>
      <td className="text-right tabular">{count(size.runs)}</td>
    </tr>
  );
}
