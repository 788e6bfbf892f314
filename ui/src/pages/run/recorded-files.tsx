import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { apiPath, filePath } from "@/api/client";
import { usesOfRun, versionOfClient } from "@/api/collections";
import { Failure, Skeleton, SkeletonRows } from "@/design/states";
import { Framed } from "@/files/framed";
import { fetchBounded, useMediaUrl } from "@/files/media";
import { CollectionVersionLink } from "../collections/link";
import type { ArtifactEntry, Medium, Recorded, RecordedFile } from "./recorded";
import { TableView } from "./table-view";

const MOST_TEXT = 32 * 1024 * 1024;
const MOST_MEDIUM = 128 * 1024 * 1024;

const urlOf = (runId: string, path: string): string => `${apiPath("runs", runId)}/files/${filePath(path)}`;

/** Files of the run that a record points to: pictures side by side, a table, or a page in a frame of its own. */
export function RecordedFiles({
  runId,
  recorded,
  tableKey,
  name,
}: {
  runId: string;
  recorded: Exclude<Recorded, { is: "histogram" }>;
  tableKey: string;
  name: string;
}) {
  const { files } = recorded;
  if (recorded.is === "media") {
    return (
      <div className="flex flex-wrap items-start gap-4">
        {files.slice(0, 100).map((file, index) => (
          <MediaFile
            key={`${file.path} ${index}`}
            runId={runId}
            file={file}
            medium={recorded.medium}
            name={name}
          />
        ))}
      </div>
    );
  }
  if (recorded.is === "table") {
    return (
      <>
        {files.slice(0, 1).map((file) => (
          <RecordedTable
            key={file.path}
            runId={runId}
            file={file}
            entry={recorded.entry}
            tableKey={tableKey}
          />
        ))}
      </>
    );
  }
  if (recorded.is === "html") {
    return files.map((file) => <PageFile key={file.path} runId={runId} file={file} name={name} />);
  }
  return (
    <ul className="rounded-lg border border-line bg-surface p-4">
      {files.map((file) => (
        <li key={file.path}>
          <Link
            to="."
            search={{ tab: "artifacts", path: file.path }}
            className="font-mono text-xs text-accent-ink hover:underline"
          >
            {file.path}
          </Link>
        </li>
      ))}
    </ul>
  );
}

/**
 * A table from the artifact that its client made of it, which has the pictures and sounds of its cells; else from the
 * run's own file, which names them only.
 */
function RecordedTable({
  runId,
  file,
  entry,
  tableKey,
}: {
  runId: string;
  file: RecordedFile;
  entry: ArtifactEntry | null;
  tableKey: string;
}) {
  const kept = useQuery({ ...versionOfClient(entry?.clientId ?? ""), enabled: entry !== null });
  if (entry && kept.isPending) return <SkeletonRows />;
  const own = <TableFile url={urlOf(runId, file.path)} folder={`${apiPath("runs", runId)}/files/`} />;
  if (!entry || !kept.data) {
    return (
      <>
        {own}
        <TablesKept runId={runId} tableKey={tableKey} />
      </>
    );
  }
  const folder = `${apiPath("collection-versions", kept.data.version_id)}/files/`;
  return (
    <>
      <TableFile url={folder + filePath(entry.path)} folder={folder} otherwise={own} />
      <p className="text-xs text-ink-3">
        Kept as <CollectionVersionLink version={kept.data} />
      </p>
    </>
  );
}

/** A table file; what else there is when it cannot be had. */
function TableFile({ url, folder, otherwise }: { url: string; folder: string; otherwise?: ReactNode }) {
  const { data, error } = useText(url);
  if (error) return otherwise ?? <Failure compact error={error} />;
  return data === undefined ? <SkeletonRows /> : <TableView text={data} folder={folder} />;
}

/** The tables of this name that were kept as artifacts. */
function TablesKept({ runId, tableKey }: { runId: string; tableKey: string }) {
  const uses = useQuery(usesOfRun(runId)).data ?? [];
  const found = uses.filter(
    ({ version: { collection } }) =>
      collection.type === "run_table" && collection.name.endsWith(`-${tableKey.replaceAll(/[^\w.-]/g, "")}`),
  );
  if (found.length === 0) return null;
  return (
    <p className="flex flex-wrap gap-x-3 text-xs text-ink-3">
      With the media of its cells:
      {found.slice(-5).map((each) => (
        <CollectionVersionLink key={each.version.version_id} version={each.version} />
      ))}
    </p>
  );
}

function MediaFile({
  runId,
  file,
  medium,
  name,
}: {
  runId: string;
  file: RecordedFile;
  medium: Medium;
  name: string;
}) {
  const { url, isPicture, error } = useMediaUrl(urlOf(runId, file.path), MOST_MEDIUM);
  const label = file.caption ?? name;
  if (error) return <Failure compact error={error} />;
  return (
    <figure className="max-w-full rounded-lg border border-line bg-surface p-3 shadow-low">
      {!url ? (
        <Skeleton className="h-32 w-48" />
      ) : medium === "image" || isPicture ? (
        // A film of the wandb client may be a moving picture.
        <img
          src={url}
          alt={label}
          className="max-h-[60vh] min-h-24 max-w-full rounded object-contain [image-rendering:auto]"
        />
      ) : medium === "audio" ? (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <audio controls src={url} aria-label={label} className="w-[min(24rem,100%)]" />
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <video controls src={url} aria-label={label} className="max-h-[60vh] max-w-full" />
      )}
      <figcaption className="mt-2 flex max-w-96 gap-3 text-xs text-ink-3">
        <span className="min-w-0 flex-1 break-words">{file.caption}</span>
        <Link
          to="."
          search={{ tab: "artifacts", path: file.path }}
          className="hover:text-ink hover:underline"
        >
          File
        </Link>
      </figcaption>
    </figure>
  );
}

function PageFile({ runId, file, name }: { runId: string; file: RecordedFile; name: string }) {
  const { data, error } = useText(urlOf(runId, file.path));
  if (error) return <Failure compact error={error} />;
  return data === undefined ? <SkeletonRows /> : <Framed html={data} label={name} />;
}

/** The text at a route, unless it is too large. */
function useText(url: string) {
  return useQuery({
    queryKey: ["run-file", url, "text"],
    queryFn: async ({ signal }) => (await fetchBounded(url, MOST_TEXT, signal)).text(),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}
