/** Types and questions about collections: files with versions, and the runs that read and made them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { apiPath, currentWorkspace, get } from "./client";

const ws = currentWorkspace;

export interface Collection {
  workspace: string;
  experiment_id: string | null;
  registry: string | null;
  name: string;
  type: string;
  kind: string;
  description: string;
  tags: string[];
  created_by: string;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface CollectionVersion {
  version_id: string;
  collection: Collection;
  version: string | null;
  state: "pending" | "committed" | "deleted";
  digest: string | null;
  description: string;
  metadata: string;
  aliases: string[];
  tags: string[];
  ttl_s: number | null;
  file_count: number;
  size_bytes: number;
  run_id: string | null;
  step: number | null;
  created_by: string;
  created_at_ms: number;
  committed_at_ms: number | null;
  model: string | null;
  model_version: number | null;
}

export interface CollectionFile {
  path: string;
  size_bytes: number | null;
  sha256: string | null;
  reference: string | null;
}

export interface CollectionUse {
  run_id: string;
  direction: "input" | "output";
  used_as: string;
  step: number | null;
  version: CollectionVersion;
}

/** Where a collection is. */
export interface Place {
  experiment?: string;
  registry?: string;
}

const placeQuery = (place: Place) =>
  place.registry ? { registry: place.registry } : { experiment_id: place.experiment ?? "0" };

export const collections = () =>
  infiniteQueryOptions({
    queryKey: ["collections", ws()],
    queryFn: ({ pageParam, signal }) =>
      get<{ collections: Collection[]; next_page_token: string | null }>(
        "/collections",
        { max_results: 1000, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

export const collection = (place: Place, name: string) =>
  queryOptions({
    queryKey: ["collection", ws(), place.registry ?? null, place.experiment ?? null, name],
    queryFn: ({ signal }) => get<Collection>(apiPath("collections", name), placeQuery(place), signal),
  });

export const collectionVersions = (place: Place, name: string) =>
  infiniteQueryOptions({
    queryKey: ["collection", ws(), place.registry ?? null, place.experiment ?? null, name, "versions"],
    queryFn: ({ pageParam, signal }) =>
      get<{ versions: CollectionVersion[]; next_page_token: string | null }>(
        `${apiPath("collections", name)}/versions`,
        { ...placeQuery(place), max_results: 200, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

export const collectionVersion = (versionId: string) =>
  queryOptions({
    queryKey: ["collection-version", versionId],
    queryFn: ({ signal }) => get<CollectionVersion>(apiPath("collection-versions", versionId), {}, signal),
  });

/** The version that a client knows under an id of its own; null where there is none. */
export const versionOfClient = (clientId: string) =>
  queryOptions({
    queryKey: ["collection-version", "of-client", clientId],
    queryFn: async ({ signal }) =>
      (await get<{ versions: CollectionVersion[] }>("/collection-versions", { client_id: clientId }, signal))
        .versions[0] ?? null,
  });

/** The version as it stands in each collection that has it: its own, and those it was linked to. */
export const memberships = (versionId: string) =>
  queryOptions({
    queryKey: ["collection-version", versionId, "memberships"],
    queryFn: async ({ signal }) =>
      (
        await get<{ versions: CollectionVersion[] }>(
          `${apiPath("collection-versions", versionId)}/memberships`,
          {},
          signal,
        )
      ).versions,
  });

export const collectionFiles = (versionId: string) =>
  infiniteQueryOptions({
    queryKey: ["collection-version", versionId, "files"],
    queryFn: ({ pageParam, signal }) =>
      get<{ files: CollectionFile[]; next_page_token: string | null }>(
        `${apiPath("collection-versions", versionId)}/files`,
        { max_results: 1000, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

export const usesOfVersion = (versionId: string) =>
  queryOptions({
    queryKey: ["collection-version", versionId, "uses"],
    queryFn: async ({ signal }) =>
      (await get<{ uses: CollectionUse[] }>(`${apiPath("collection-versions", versionId)}/uses`, {}, signal))
        .uses,
  });

export const usesOfRun = (runId: string) =>
  queryOptions({
    queryKey: ["run", runId, "collections"],
    queryFn: async ({ signal }) =>
      (await get<{ uses: CollectionUse[] }>(`${apiPath("runs", runId)}/collections`, {}, signal)).uses,
  });
