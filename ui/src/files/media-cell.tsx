import { useQuery } from "@tanstack/react-query";
import { FileCode2, FileX2, Film } from "lucide-react";
import { filePath } from "@/api/client";
import { Skeleton } from "@/design/states";
import type { Cell } from "./cell";
import { Framed } from "./framed";
import { fetchBounded, useMediaUrl } from "./media";

const MOST_MEDIUM = 64 * 1024 * 1024;
const MOST_THUMBNAIL = 16 * 1024 * 1024;
const MOST_PAGE = 4 * 1024 * 1024;
const MOST_PICTURES = 3;

const routeOf = (cell: Cell, folder: string | undefined): string | null =>
  folder && cell.path ? folder + filePath(cell.path) : null;

/** A medium in a row: pictures small, sounds with their player, films and pages by their name. */
export function MediaCell({ cell, folder, height }: { cell: Cell; folder?: string; height: number }) {
  if (cell.is === "image") {
    const all = [cell, ...(cell.more ?? [])];
    return (
      <span className="flex items-center gap-1.5">
        {all.slice(0, MOST_PICTURES).map((each, index) => (
          <Thumbnail key={index} cell={each} folder={folder} height={height} />
        ))}
        {all.length > MOST_PICTURES ? (
          <span className="text-2xs text-ink-3">+{all.length - MOST_PICTURES}</span>
        ) : null}
      </span>
    );
  }
  if (cell.is === "audio") return <Sound cell={cell} folder={folder} />;
  return (
    <span className="flex min-w-0 items-center gap-1.5 text-ink-2 [&_svg]:size-3.5 [&_svg]:shrink-0 [&_svg]:text-ink-3">
      {cell.is === "video" ? <Film /> : <FileCode2 />}
      <span className="truncate">{cell.text}</span>
    </span>
  );
}

function Thumbnail({ cell, folder, height }: { cell: Cell; folder?: string; height: number }) {
  const { url, error } = useMediaUrl(routeOf(cell, folder), MOST_THUMBNAIL);
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-12 w-16" />;
  return (
    <img
      src={url}
      alt={cell.text}
      style={{ maxHeight: height }}
      className="max-w-32 min-h-6 cursor-zoom-in rounded border border-line bg-[#fff] object-contain"
    />
  );
}

function Sound({ cell, folder }: { cell: Cell; folder?: string }) {
  const { url, error } = useMediaUrl(routeOf(cell, folder), MOST_THUMBNAIL);
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-8 w-56" />;
  return (
    // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
    <audio
      controls
      src={url}
      aria-label={cell.text}
      className="h-9 w-60"
      onClick={(event) => event.stopPropagation()}
      onKeyDown={(event) => event.stopPropagation()}
    />
  );
}

function Gone({ cell }: { cell: Cell }) {
  return (
    <span
      className="flex min-w-0 items-center gap-1.5 text-2xs text-ink-3 [&_svg]:size-3.5 [&_svg]:shrink-0"
      title={`${cell.path} is not among the files of the table`}
    >
      <FileX2 />
      <span className="truncate">{cell.text}</span>
    </span>
  );
}

/** A medium by itself, as large as there is room. */
export function LargeMedium({ cell, folder }: { cell: Cell; folder?: string }) {
  if (cell.is === "html") return <Page cell={cell} folder={folder} />;
  return (
    <div className="space-y-4">
      {[cell, ...(cell.more ?? [])].slice(0, 100).map((each, index) => (
        <Medium key={index} cell={each} folder={folder} />
      ))}
    </div>
  );
}

function Medium({ cell, folder }: { cell: Cell; folder?: string }) {
  const { url, error } = useMediaUrl(routeOf(cell, folder), MOST_MEDIUM);
  const label = cell.text;
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-48" />;
  return (
    <figure>
      {cell.is === "image" ? (
        <img
          src={url}
          alt={label}
          className="max-h-[60vh] min-h-32 max-w-full rounded border border-line bg-[#fff] object-contain"
        />
      ) : cell.is === "audio" ? (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <audio controls src={url} aria-label={label} className="w-full" />
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <video controls src={url} aria-label={label} className="max-h-[60vh] max-w-full" />
      )}
      <figcaption className="mt-1.5 text-xs break-words text-ink-3">{label}</figcaption>
    </figure>
  );
}

function Page({ cell, folder }: { cell: Cell; folder?: string }) {
  const route = routeOf(cell, folder);
  const { data, error } = useQuery({
    queryKey: ["media", route, "text"],
    queryFn: async ({ signal }) => (await fetchBounded(route!, MOST_PAGE, signal)).text(),
    enabled: route !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (error || route === null) return <Gone cell={cell} />;
  return data === undefined ? <Skeleton className="h-48" /> : <Framed html={data} label={cell.text} />;
}
