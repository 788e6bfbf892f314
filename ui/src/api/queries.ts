/** What the page asks the server for, one place per noun; keys hold whatever decides the answer. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type RunRow, toRow } from "@/runs/row";
import { ApiError, apiPath, currentWorkspace, get, post } from "./client";
import type * as T from "./types";

const ws = currentWorkspace;

export const whoami = () =>
  queryOptions({
    queryKey: ["whoami", ws()],
    queryFn: ({ signal }) => get<T.Whoami>("/whoami", {}, signal),
    staleTime: 60_000,
  });

export const workspaces = () =>
  queryOptions({
    queryKey: ["workspaces"],
    queryFn: async ({ signal }) =>
      (await get<{ workspaces: T.Workspace[] }>("/workspaces", {}, signal)).workspaces,
  });

export const experiments = (view: "active" | "deleted" | "all" = "active") =>
  queryOptions({
    queryKey: ["experiments", ws(), view],
    queryFn: async ({ signal }) => {
      const body = { view, max_results: 1000, order_by: ["last_update_time DESC"] };
      return (await post<{ experiments: T.Experiment[] }>("/experiments/search", body, signal)).experiments;
    },
  });

export const experiment = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id],
    queryFn: ({ signal }) => get<T.Experiment>(apiPath("experiments", id), {}, signal),
  });

export const savedViews = (experimentId: string) =>
  queryOptions({
    queryKey: ["views", experimentId],
    queryFn: async ({ signal }) =>
      (await get<{ views: T.SavedView[] }>(`${apiPath("experiments", experimentId)}/views`, {}, signal))
        .views,
  });

export interface RunSearch {
  experimentIds: string[];
  filter?: string;
  orderBy?: string[];
  view?: "active" | "deleted" | "all";
}

export interface RunPage {
  runs: T.Run[];
  next_page_token: string | null;
}

export const runSearchBody = (search: RunSearch, size: number, token: string | null) => ({
  experiment_ids: search.experimentIds,
  filter: search.filter ?? "",
  order_by: search.orderBy ?? [],
  view: search.view ?? "active",
  max_results: size,
  ...(token ? { page_token: token } : {}),
});

/** The first page is small, so that it paints soon; those after it are large. */
export const runPages = (search: RunSearch, refreshMs?: (rows: readonly RunRow[]) => number) =>
  infiniteQueryOptions({
    queryKey: ["runs", "pages", search],
    queryFn: async ({ pageParam, signal }): Promise<{ rows: RunRow[]; next: string | null }> => {
      const page = await post<RunPage>(
        "/runs/search",
        runSearchBody(search, pageParam ? 1000 : 100, pageParam),
        signal,
      );
      return { rows: page.runs.map(toRow), next: page.next_page_token };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    // Refreshing asks for every page again, so a table that was scrolled far waits for its reader.
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      return refreshMs && pages.length <= 2 ? refreshMs(pages.flatMap((page) => page.rows)) : false;
    },
  });

/** Values of a field in the newest runs of an experiment, of those that begin so. */
export const runValues = (of: { experimentId: string; field: string; prefix: string; deleted: boolean }) =>
  queryOptions({
    queryKey: ["values", of.experimentId, of.field, of.prefix, of.deleted],
    queryFn: async ({ signal }) =>
      (
        await get<{ values: { value: string; runs: number }[] }>(
          `${apiPath("experiments", of.experimentId)}/values`,
          { field: of.field, prefix: of.prefix, lifecycle: of.deleted ? "deleted" : "active" },
          signal,
        )
      ).values,
    staleTime: 30_000,
    retry: false,
    // While more of a value is typed, what was found for less of it stays.
    placeholderData: (before, query) => (query?.queryKey[2] === of.field ? before : undefined),
  });

export const someRuns = (search: RunSearch, size: number) =>
  queryOptions({
    queryKey: ["runs", "some", search, size],
    queryFn: async ({ signal }) =>
      (await post<RunPage>("/runs/search", runSearchBody(search, size, null), signal)).runs,
  });

export const run = (id: string) =>
  queryOptions({
    queryKey: ["run", id],
    queryFn: ({ signal }) => get<T.Run>(apiPath("runs", id), {}, signal),
    refetchInterval: (query) => (query.state.data?.status === "running" ? 5000 : false),
  });

/** What was found in a run; null where the server does not examine runs. */
export const health = (id: string) =>
  queryOptions({
    queryKey: ["run", id, "health"],
    queryFn: async ({ signal }) => {
      try {
        return await get<T.RunHealth>(`${apiPath("runs", id)}/health`, {}, signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    retry: false,
  });

const MOST_FINDINGS = 1000;

/** What stands in the runs of an experiment, newest first. */
export const experimentFindings = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id, "findings"],
    queryFn: async ({ signal }) =>
      (
        await get<{ findings: T.Finding[] }>(
          `${apiPath("experiments", id)}/health`,
          { max_results: MOST_FINDINGS },
          signal,
        )
      ).findings,
    refetchInterval: 30_000,
  });

export const gateRunRows = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["gate-runs", ws(), id, "rows"],
    queryFn: ({ pageParam, signal }) =>
      get<T.GateRunRows>(
        `${apiPath("gate-runs", id)}/rows`,
        { max_results: 1000, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

export const webhooks = () =>
  queryOptions({
    queryKey: ["webhooks", ws()],
    queryFn: async ({ signal }) =>
      (await get<{ webhooks: T.Webhook[] }>("/webhooks", { max_results: 100 }, signal)).webhooks,
  });

export const lineageDraft = (id: string) =>
  queryOptions({
    queryKey: ["run", id, "lineage"],
    queryFn: ({ signal }) => get<T.LineageDraft>(`${apiPath("runs", id)}/lineage-draft`, {}, signal),
  });

export const artifacts = (owner: string, folder: string) =>
  queryOptions({
    queryKey: ["artifacts", owner, folder],
    queryFn: async ({ signal }) =>
      (await get<{ files: T.FileEntry[] }>(`${owner}/artifacts`, { path: folder }, signal)).files,
  });

export const recordKeys = (id: string) =>
  queryOptions({
    queryKey: ["run", id, "record-keys"],
    queryFn: async ({ signal }) =>
      (await get<{ keys: string[] }>(`${apiPath("runs", id)}/records`, {}, signal)).keys,
  });

export const records = (id: string, key: string) =>
  infiniteQueryOptions({
    queryKey: ["run", id, "records", key],
    queryFn: ({ pageParam, signal }) =>
      get<{ records: T.StepRecord[]; next_page_token: string | null }>(
        `${apiPath("runs", id)}/records`,
        { key, max_results: 200, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

export const evals = (id: string) =>
  queryOptions({
    queryKey: ["run", id, "evals"],
    queryFn: async ({ signal }) =>
      (await get<{ results: T.EvalResult[] }>(`${apiPath("runs", id)}/evals`, {}, signal)).results,
  });

export const models = () =>
  queryOptions({
    queryKey: ["models", ws()],
    queryFn: async ({ signal }) =>
      (
        await get<{ models: T.Model[] }>(
          "/models",
          { max_results: 1000, order_by: ["last_updated_timestamp DESC"] },
          signal,
        )
      ).models,
  });

export const model = (name: string) =>
  queryOptions({
    queryKey: ["model", ws(), name],
    queryFn: ({ signal }) => get<T.Model>(apiPath("models", name), {}, signal),
  });

export const versions = (name: string) =>
  queryOptions({
    queryKey: ["model", ws(), name, "versions"],
    queryFn: async ({ signal }) =>
      (
        await get<{ versions: T.Version[] }>(
          `${apiPath("models", name)}/versions`,
          { max_results: 1000 },
          signal,
        )
      ).versions,
  });

export const versionsOfRun = (runId: string) =>
  queryOptions({
    queryKey: ["versions-of-run", ws(), runId],
    queryFn: async ({ signal }) =>
      (await get<{ versions: T.Version[] }>("/versions", { filter: `run_id = '${runId}'` }, signal)).versions,
  });

export const recentVersions = () =>
  queryOptions({
    queryKey: ["recent-versions", ws()],
    queryFn: async ({ signal }) =>
      (
        await get<{ versions: T.Version[] }>(
          "/versions",
          { order_by: ["creation_timestamp DESC"], max_results: 200 },
          signal,
        )
      ).versions,
  });

export const version = (name: string, number: string | number) =>
  queryOptions({
    queryKey: ["model", ws(), name, "version", String(number)],
    queryFn: ({ signal }) => get<T.Version>(apiPath("models", name, "versions", number), {}, signal),
  });

export const manifest = (name: string, number: string | number) =>
  queryOptions({
    queryKey: ["model", ws(), name, "manifest", String(number)],
    queryFn: ({ signal }) =>
      get<{ artifact_digest: string | null; files: T.ManifestFile[] }>(
        `${apiPath("models", name, "versions", number)}/manifest`,
        {},
        signal,
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const aliasHistory = (name: string, alias: string) =>
  queryOptions({
    queryKey: ["model", ws(), name, "history", alias],
    queryFn: async ({ signal }) =>
      (await get<{ moves: T.Move[] }>(`${apiPath("models", name, "aliases", alias)}/history`, {}, signal))
        .moves,
  });

export const preview = (name: string, number: number, alias: string) =>
  queryOptions({
    queryKey: ["model", ws(), name, "preview", number, alias],
    queryFn: ({ signal }) =>
      post<T.Decision>(`${apiPath("models", name)}/promotion-preview`, { version: number, alias }, signal),
    staleTime: 0,
    gcTime: 0,
  });

export const gates = () =>
  queryOptions({
    queryKey: ["gates", ws()],
    queryFn: async ({ signal }) =>
      (await get<{ gates: T.Gate[] }>("/gates", { current_only: true, max_results: 1000 }, signal)).gates,
  });

export const gate = (name: string) =>
  queryOptions({
    queryKey: ["gates", ws(), name],
    queryFn: async ({ signal }) => (await get<{ gates: T.Gate[] }>(apiPath("gates", name), {}, signal)).gates,
  });

export const suites = () =>
  queryOptions({
    queryKey: ["suites", ws()],
    queryFn: async ({ signal }) =>
      (await get<{ suites: T.Suite[] }>("/suites", { max_results: 1000 }, signal)).suites,
  });

export const gateRuns = (of: { model?: string; version?: number; state?: string[] } = {}) =>
  queryOptions({
    queryKey: ["gate-runs", ws(), of],
    queryFn: async ({ signal }) =>
      (await get<{ gate_runs: T.GateRun[] }>("/gate-runs", { ...of, max_results: 200 }, signal)).gate_runs,
    refetchInterval: (query) =>
      query.state.data?.some((each) => each.state === "queued" || each.state === "leased") ? 3000 : false,
  });

export interface LedgerFilter {
  object?: string;
  action?: string;
  actor?: string;
  outcome?: string;
  text?: string;
  from_ms?: number;
  to_ms?: number;
}

export const ledger = (of: LedgerFilter) =>
  infiniteQueryOptions({
    queryKey: ["ledger", of],
    queryFn: ({ pageParam, signal }) =>
      get<{ events: T.LedgerEvent[]; next_page_token: string | null }>(
        "/ledger",
        { ...of, newest_first: true, max_results: 200, page_token: pageParam },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
    placeholderData: keepPreviousData,
  });

export const principals = () =>
  queryOptions({
    queryKey: ["principals"],
    queryFn: async ({ signal }) =>
      (await get<{ principals: T.Principal[] }>("/principals", {}, signal)).principals,
  });

export const tokens = () =>
  queryOptions({
    queryKey: ["tokens"],
    queryFn: async ({ signal }) => (await get<{ tokens: T.Token[] }>("/tokens", {}, signal)).tokens,
  });
