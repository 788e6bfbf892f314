/** What the server keeps, and the question for it. */
import { queryOptions } from "@tanstack/react-query";
import { get } from "./client";

export interface ExperimentSize {
  experiment_id: string;
  name: string;
  workspace: string;
  runs: number;
  artifact_bytes: number;
  points: number;
}

export interface StorageCount {
  counted_at_ms: number;
  took_ms: number;
  runs: number;
  blobs: { count: number; size_bytes: number };
  chunks: { count: number; points: number };
  tail: { count: number; points: number };
  largest: ExperimentSize[];
}

export interface Storage {
  server_version: string;
  database: { engine: "sqlite" | "postgresql"; size_bytes: number; schema: number };
  blob_store: { kind: string; free_bytes: number | null };
  backlogs: {
    ingest_batches: number;
    ingest_points: number;
    unpacked_runs: number;
    webhook_deliveries: number;
  };
  count: StorageCount | null;
  is_counting: boolean;
}

/** Counting is cheap to watch and seldom done; while it is, its end is awaited. */
export const storage = () =>
  queryOptions({
    queryKey: ["storage"],
    queryFn: ({ signal }) => get<Storage>("/storage", {}, signal),
    refetchInterval: (query) => (query.state.data?.is_counting ? 2000 : 30_000),
  });
