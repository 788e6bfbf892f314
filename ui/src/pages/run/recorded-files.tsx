import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { apiPath, filePath, send } from "@/api/client";
import { usesOfRun } from "@/api/collections";
import { Failure, Skeleton, SkeletonRows } from "@/design/states";
import { Framed } from "@/files/framed";
import { sniffed } from "@/files/kinds";
import { CollectionVersionLink } from "../collections/link";
import type { Medium, Recorded, RecordedFile } from "./recorded";
import { TableView } from "./table-view";

const MOST_TEXT = 16 * 1024 * 1024;

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
  if (recorded.is === "table" || recorded.is === "html") {
    const shown = files.map((file) => (
      <TextFile
        key={file.path}
        runId={runId}
        file={file}
        is={recorded.is === "table" ? "table" : "html"}
        name={name}
      />
    ));
    return recorded.is === "table" ? (
      <>
        {shown}
        <WholeTable runId={runId} tableKey={tableKey} />
      </>
    ) : (
      shown
    );
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

/** The client keeps each table also as an artifact, with the pictures and sounds of its cells. */
function WholeTable({ runId, tableKey }: { runId: string; tableKey: string }) {
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

/** The bytes of a run's file as an address of this page; its type comes from its first bytes. */
export function useFileUrl(runId: string, path: string): { url: string | null; error: unknown } {
  const [url, setUrl] = useState<string | null>(null);
  const { data, error } = useQuery({
    queryKey: ["run-file", runId, path],
    queryFn: async ({ signal }) => {
      const content = await (await send("GET", urlOf(runId, path), { signal })).arrayBuffer();
      return new Blob([content], { type: sniffed(content) });
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: false,
  });
  useEffect(() => {
    if (!data) return;
    const made = URL.createObjectURL(data);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  return { url, error };
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
  const { url, error } = useFileUrl(runId, file.path);
  const label = file.caption ?? name;
  if (error) return <Failure compact error={error} />;
  return (
    <figure className="max-w-full rounded-lg border border-line bg-surface p-3 shadow-low">
      {!url ? (
        <Skeleton className="h-32 w-48" />
      ) : medium === "image" ? (
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

function TextFile({
  runId,
  file,
  is,
  name,
}: {
  runId: string;
  file: RecordedFile;
  is: "table" | "html";
  name: string;
}) {
  const { data, error } = useQuery({
    queryKey: ["run-file", runId, file.path, "text"],
    queryFn: async ({ signal }) => {
      const response = await send("GET", urlOf(runId, file.path), { signal });
      if (Number(response.headers.get("content-length") ?? 0) > MOST_TEXT)
        throw new Error("Too large to be shown here.");
      return response.text();
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (error) return <Failure compact error={error} />;
  if (data === undefined) return <SkeletonRows />;
  return is === "html" ? <Framed html={data} label={name} /> : <TableView text={data} runId={runId} />;
}
