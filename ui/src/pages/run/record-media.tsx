import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useEffect, useState } from "react";
import { apiPath, send } from "@/api/client";
import type { StepRecord } from "@/api/types";
import { save } from "@/charts/download";
import { Button } from "@/design/button";
import { Failure, Skeleton } from "@/design/states";
import { sniffed } from "@/files/kinds";
import { bytes } from "@/format/number";

const MOST_MEDIA = 64 * 1024 * 1024;
const MEDIA = ["image", "audio", "video"] as const;
type Medium = (typeof MEDIA)[number];

/** What a record of this kind is seen or heard as; null when it is read. */
export const mediumOf = (kind: string): Medium | null => MEDIA.find((each) => kind.includes(each)) ?? null;

/** A picture, sound or film that a run recorded at a step. Its type comes from its first bytes, never from its sender. */
export function RecordMedia({
  runId,
  record,
  medium,
}: {
  runId: string;
  record: StepRecord;
  medium: Medium;
}) {
  const [url, setUrl] = useState<string | null>(null);
  const fits = record.size_bytes <= MOST_MEDIA;
  const { data, error } = useQuery({
    queryKey: ["record", runId, record.key, record.step, record.sha256, "media"],
    queryFn: async ({ signal }) => {
      const query = { key: record.key, step: record.step };
      const path = `${apiPath("runs", runId)}/records/content`;
      const content = await (await send("GET", path, { query, signal })).arrayBuffer();
      return new Blob([content], { type: sniffed(content) });
    },
    enabled: fits,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  useEffect(() => {
    if (!data) return;
    const made = URL.createObjectURL(data);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  const name = `${record.key} at step ${record.step.toLocaleString("en-US")}`;
  if (error) return <Failure error={error} />;
  return (
    <figure className="rounded-lg border border-line bg-surface p-4 shadow-low">
      {!fits ? (
        <p className="text-ink-3">{bytes(record.size_bytes)}: too large to be shown here.</p>
      ) : !url ? (
        <Skeleton className="h-48" />
      ) : medium === "image" ? (
        <img src={url} alt={name} className="max-h-[70vh] max-w-full rounded border border-line bg-[#fff]" />
      ) : medium === "audio" ? (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <audio controls src={url} aria-label={name} className="w-[min(32rem,100%)]" />
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
        <video controls src={url} aria-label={name} className="max-h-[70vh] max-w-full" />
      )}
      <figcaption className="mt-3 flex items-center gap-3 text-xs text-ink-3">
        <span className="flex-1">
          {name}, {bytes(record.size_bytes)}
        </span>
        <Button
          size="sm"
          disabled={!data}
          onClick={() => data && save(data, `${record.key.replaceAll("/", "-")}-${record.step}`)}
        >
          <Download /> Download
        </Button>
      </figcaption>
    </figure>
  );
}
