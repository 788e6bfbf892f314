import { send } from "@/api/client";
import { save } from "@/charts/download";

/** Fetches a document with the caller's credential and hands it to the browser under the server's name for it. */
export async function receive(
  path: string,
  fallback: string,
  query: Record<string, string> = {},
): Promise<void> {
  const response = await send("GET", path, { query });
  const told = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1];
  save(await response.blob(), told ?? fallback);
}
