import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { send } from "@/api/client";
import { bytes } from "@/format/number";
import { sniffed } from "./kinds";

/** Fetches what is at a route, unless the server says that it is larger than `most`. */
export async function fetchBounded(url: string, most: number, signal?: AbortSignal): Promise<Response> {
  const response = await send("GET", url, { signal });
  const size = Number(response.headers.get("content-length") ?? 0);
  if (size <= most) return response;
  await response.body?.cancel();
  throw new Error(`${bytes(size)}: too large to be shown here.`);
}

export interface Medium {
  /** Null until it is there. */
  url: string | null;
  isPicture: boolean;
  error: unknown;
}

/**
 * A medium at a route as an address of this page. Its type comes from its first bytes, never from who sent it, and
 * is one of those that do not act.
 */
export function useMediaUrl(url: string | null, most: number): Medium {
  const [made, setMade] = useState<string | null>(null);
  const { data, error } = useQuery({
    queryKey: ["media", url],
    queryFn: async ({ signal }) => {
      const content = await (await fetchBounded(url!, most, signal)).arrayBuffer();
      return new Blob([content], { type: sniffed(content) });
    },
    enabled: url !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: false,
  });
  useEffect(() => {
    if (!data) return;
    const address = URL.createObjectURL(data);
    setMade(address);
    return () => {
      URL.revokeObjectURL(address);
      setMade(null);
    };
  }, [data]);
  return { url: made, isPicture: /^image\//.test(data?.type ?? ""), error };
}
