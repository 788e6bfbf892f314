import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { send } from "@/api/client";
import { failed } from "@/app/toasts";
import { save } from "@/charts/download";
import { Button } from "@/design/button";
import { Digest } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { bytes } from "@/format/number";
import { kindOf, mediaType, readTensors, tensorHeaderSize } from "./kinds";
import { TextFile, TextTable } from "./text-file";

/** With its library in a chunk of its own, which comes when somebody opens such a file. */
const ParquetView = lazy(() => import("./parquet/view"));

const MOST_MEDIA = 128 * 1024 * 1024;

export interface ViewedFile {
  path: string;
  sizeBytes: number;
  sha256: string;
  /** The route of its bytes, below /api/v1. */
  url: string;
}

/** A file shown without ever letting it act: text stays text, pictures are pictures, the rest is downloaded. */
export function FileViewer({ file }: { file: ViewedFile }) {
  const kind = file.sizeBytes === 0 ? "none" : kindOf(file.path);
  const [busy, setBusy] = useState(false);
  const onDownload = async () => {
    setBusy(true);
    try {
      save(await (await send("GET", file.url)).blob(), file.path.split("/").pop() ?? "file");
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="flex h-full min-h-0 min-w-0 flex-col">
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2">
        <span className="min-w-0 font-medium break-all">{file.path}</span>
        <span className="text-xs whitespace-nowrap text-ink-3 tabular">{bytes(file.sizeBytes)}</span>
        <Digest value={file.sha256} />
        <Button size="sm" className="ml-auto" busy={busy} onClick={() => void onDownload()}>
          <Download /> Download
        </Button>
      </header>
      <div className="min-h-0 min-w-0 flex-1 overflow-auto [&:has([role=grid])]:overflow-hidden">
        {kind === "none" ? (
          <p className="p-4 text-ink-3">
            {file.sizeBytes === 0
              ? "The file is empty."
              : "Files of this kind are not shown here. Download it to look inside."}
          </p>
        ) : kind === "image" || kind === "audio" || kind === "video" ? (
          <Media file={file} kind={kind} />
        ) : kind === "parquet" ? (
          <Suspense fallback={<SkeletonRows rows={10} />}>
            <ParquetView url={file.url} sizeBytes={file.sizeBytes} />
          </Suspense>
        ) : kind === "tensors" ? (
          <Tensors file={file} />
        ) : (
          <TextFile file={file} kind={kind} />
        )}
      </div>
    </div>
  );
}

function Media({ file, kind }: { file: ViewedFile; kind: "image" | "audio" | "video" }) {
  const [url, setUrl] = useState<string | null>(null);
  const fits = file.sizeBytes <= MOST_MEDIA;
  const { data, error, isPending } = useQuery({
    queryKey: ["file", file.sha256, "media"],
    queryFn: async ({ signal }) => {
      const content = await (await send("GET", file.url, { signal })).arrayBuffer();
      return new Blob([content], { type: mediaType(file.path) });
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
  if (!fits) return <p className="p-4 text-ink-3">Too large to be shown here. Download it.</p>;
  if (error) return <Failure error={error} compact />;
  if (isPending || !url) return <SkeletonRows />;
  if (kind === "audio") {
    // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
    return <audio controls src={url} className="m-4 w-[min(32rem,90%)]" />;
  }
  if (kind === "video") {
    // biome-ignore lint/a11y/useMediaCaption: a recording that a run made has no captions
    return <video controls src={url} className="max-h-full max-w-full p-4" />;
  }
  return (
    <div className="p-4">
      {/* As an <img> even an SVG runs no script and loads nothing. */}
      <img src={url} alt={file.path} className="max-w-full rounded border border-line bg-[#fff]" />
    </div>
  );
}

function Tensors({ file }: { file: ViewedFile }) {
  const { data, error, isPending } = useQuery({
    queryKey: ["file", file.sha256, "tensors"],
    queryFn: async ({ signal }) => {
      const part = async (from: number, to: number) =>
        (await send("GET", file.url, { headers: { range: `bytes=${from}-${to}` }, signal })).arrayBuffer();
      const size = tensorHeaderSize(await part(0, 7));
      if (size === null || size + 8 > file.sizeBytes) return null;
      return readTensors(new TextDecoder().decode(await part(8, 7 + size)));
    },
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (isPending) return <SkeletonRows />;
  if (error || data === null)
    return <p className="p-4 text-ink-3">This is not a readable safetensors file.</p>;
  const rows = data.tensors.map((each) => [
    each.name,
    each.dtype,
    each.shape.join(" × "),
    each.shape.reduce((a, b) => a * b, 1).toLocaleString("en-US"),
  ]);
  return <TextTable label="Tensors" rows={[["tensor", "dtype", "shape", "parameters"], ...rows]} />;
}
