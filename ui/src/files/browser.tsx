import { useQuery } from "@tanstack/react-query";
import {
  ChevronRight,
  File,
  FileCode2,
  FileImage,
  FileSpreadsheet,
  Folder,
  FolderOpen,
  PackageOpen,
} from "lucide-react";
import { useState } from "react";
import { filePath } from "@/api/client";
import * as queries from "@/api/queries";
import type { FileEntry } from "@/api/types";
import { cx } from "@/design/cx";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { bytes } from "@/format/number";
import { kindOf } from "./kinds";
import { FileViewer } from "./viewer";

/** The files of a run: a tree beside what is chosen in it. `owner` is the route of the run; `teach` logs a first one. */
export function ArtifactBrowser({
  owner,
  teach,
  path,
  onPath,
}: {
  owner: string;
  teach: string;
  path: string | undefined;
  onPath: (path: string) => void;
}) {
  const root = useQuery(queries.artifacts(owner, ""));
  if (root.isPending) return <SkeletonRows />;
  if (root.error) return <Failure error={root.error} onRetry={() => void root.refetch()} />;
  if (root.data.length === 0) {
    return (
      <Empty icon={<PackageOpen />} title="No files yet">
        <p>Checkpoints, configs and reports appear here once the run logs them:</p>
        <Snippet text={teach} />
      </Empty>
    );
  }
  return (
    <div className="grid min-h-[32rem] overflow-hidden rounded-lg border border-line bg-surface shadow-low md:h-[calc(100dvh-15rem)] md:grid-cols-[18rem_minmax(0,1fr)] md:grid-rows-[minmax(0,1fr)]">
      <div
        className="overflow-auto border-line p-2 max-md:max-h-64 max-md:border-b md:border-r"
        role="tree"
        aria-label="Files"
      >
        <Level owner={owner} entries={root.data} depth={0} path={path} onPath={onPath} />
      </div>
      {path ? (
        <Chosen owner={owner} path={path} />
      ) : (
        <p className="m-auto p-8 text-ink-3">Choose a file to look at it.</p>
      )}
    </div>
  );
}

function Level({
  owner,
  entries,
  depth,
  path,
  onPath,
}: {
  owner: string;
  entries: readonly FileEntry[];
  depth: number;
  path: string | undefined;
  onPath: (path: string) => void;
}) {
  return entries.map((entry) =>
    entry.is_folder ? (
      <Branch key={entry.path} owner={owner} entry={entry} depth={depth} path={path} onPath={onPath} />
    ) : (
      <button
        key={entry.path}
        type="button"
        role="treeitem"
        aria-selected={entry.path === path}
        onClick={() => onPath(entry.path)}
        style={{ paddingLeft: 8 + depth * 16 + 18 }}
        className={cx(
          "flex h-7 w-full items-center gap-2 rounded-md pr-2 text-left [&_svg]:size-3.5 [&_svg]:shrink-0 [&_svg]:text-ink-3",
          entry.path === path ? "bg-accent-soft text-accent-ink" : "hover:bg-hover",
        )}
      >
        <Icon path={entry.path} />
        <span className="min-w-0 flex-1 truncate">{entry.path.split("/").pop()}</span>
        <span className="text-2xs text-ink-3 tabular">{bytes(entry.size_bytes ?? 0)}</span>
      </button>
    ),
  );
}

function Branch({
  owner,
  entry,
  depth,
  path,
  onPath,
}: {
  owner: string;
  entry: FileEntry;
  depth: number;
  path: string | undefined;
  onPath: (path: string) => void;
}) {
  const [toggled, setToggled] = useState(false);
  const open = toggled !== (depth === 0 || (path?.startsWith(`${entry.path}/`) ?? false));
  const inside = useQuery({ ...queries.artifacts(owner, entry.path), enabled: open });
  return (
    <div role="treeitem" tabIndex={-1} aria-expanded={open} aria-selected={false}>
      <button
        type="button"
        onClick={() => setToggled(!toggled)}
        style={{ paddingLeft: 8 + depth * 16 }}
        className="flex h-7 w-full items-center gap-1.5 rounded-md pr-2 text-left hover:bg-hover [&_svg]:size-3.5 [&_svg]:shrink-0 [&_svg]:text-ink-3"
      >
        <ChevronRight className={cx("transition-transform", open && "rotate-90")} />
        {open ? <FolderOpen /> : <Folder />}
        <span className="truncate">{entry.path.split("/").pop()}</span>
      </button>
      {open && inside.data ? (
        <div role="group">
          <Level owner={owner} entries={inside.data} depth={depth + 1} path={path} onPath={onPath} />
        </div>
      ) : null}
    </div>
  );
}

function Icon({ path }: { path: string }) {
  const kind = kindOf(path);
  if (kind === "image") return <FileImage />;
  if (kind === "csv" || kind === "parquet" || kind === "jsonl") return <FileSpreadsheet />;
  return kind === "json" || kind === "text" ? <FileCode2 /> : <File />;
}

function Chosen({ owner, path }: { owner: string; path: string }) {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
  const { data, error, isPending } = useQuery(queries.artifacts(owner, folder));
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} />;
  const entry = data.find((each) => each.path === path && !each.is_folder);
  if (!entry) return <p className="m-auto p-8 text-ink-3">There is no file {path} any more.</p>;
  const url = `${owner}/files/${filePath(path)}`;
  return (
    <FileViewer
      key={entry.path}
      file={{ path, sizeBytes: entry.size_bytes ?? 0, sha256: entry.sha256 ?? "", url }}
    />
  );
}
