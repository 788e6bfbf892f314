import { useQuery } from "@tanstack/react-query";
import { FileCode2, FileX2, Film, Pause, Play } from "lucide-react";
import { type MouseEvent, useRef, useState } from "react";
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
  const { url, isPicture, error } = useMediaUrl(routeOf(cell, folder), MOST_THUMBNAIL);
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-14 w-20" />;
  if (!isPicture) return <Gone cell={cell} />;
  return (
    <img
      src={url}
      alt={cell.text}
      style={{ height }}
      className="max-w-32 cursor-zoom-in rounded border border-line bg-sunken object-contain"
    />
  );
}

/** A sound as a button with its length, so that a column of them stays calm. */
function Sound({ cell, folder }: { cell: Cell; folder?: string }) {
  const { url, error } = useMediaUrl(routeOf(cell, folder), MOST_THUMBNAIL);
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [length, setLength] = useState(0);
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-6 w-32" />;
  const onPress = (event: MouseEvent) => {
    event.stopPropagation();
    if (isPlaying) audio.current?.pause();
    else void audio.current?.play().catch(() => setPlaying(false));
  };
  return (
    <span className="flex items-center gap-2">
      <button
        type="button"
        aria-label={`${isPlaying ? "Stop" : "Play"} ${cell.text}`}
        onClick={onPress}
        className="flex size-7 shrink-0 items-center justify-center rounded-full border border-line-strong bg-surface text-ink-2 shadow-low hover:bg-hover hover:text-ink [&_svg]:size-3"
      >
        {isPlaying ? <Pause /> : <Play />}
      </button>
      <span className="h-1 w-16 overflow-hidden rounded-full bg-line-strong/60">
        <span
          className="block h-full rounded-full bg-accent"
          style={{ width: `${length > 0 ? Math.min(100, (at / length) * 100) : 0}%` }}
        />
      </span>
      <span className="text-2xs text-ink-3 tabular">{secondsText(isPlaying ? at : length)}</span>
      {/* biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions */}
      <audio
        ref={audio}
        src={url}
        preload="metadata"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onLoadedMetadata={(event) => setLength(event.currentTarget.duration)}
        onEnded={() => {
          setPlaying(false);
          setAt(0);
        }}
      />
    </span>
  );
}

/** `0:07`, and tenths of what is shorter than ten seconds. */
function secondsText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function Gone({ cell }: { cell: Cell }) {
  return (
    <span
      className="flex min-w-0 items-center gap-1.5 text-2xs text-ink-3 [&_svg]:size-3.5 [&_svg]:shrink-0"
      title={`${cell.path} is not there, or is not what it is called`}
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
  const { url, isPicture, error } = useMediaUrl(routeOf(cell, folder), MOST_MEDIUM);
  const label = cell.text;
  if (error || !folder) return <Gone cell={cell} />;
  if (!url) return <Skeleton className="h-48" />;
  if (cell.is === "image" && !isPicture) return <Gone cell={cell} />;
  return (
    <figure>
      {isPicture ? (
        // Films of the wandb client may be moving pictures.
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
