/** A refusal of the server, or its silence. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly field: string | null;
  readonly details: Record<string, unknown>;
  readonly requestId: string | null;

  constructor(message: string, status: number, body: Partial<ErrorBody> = {}) {
    super(message);
    this.name = "ApiError";
    this.code = body.code ?? (status === 0 ? "unreachable" : "unknown");
    this.status = status;
    this.field = body.field ?? null;
    this.details = body.details ?? {};
    this.requestId = body.request_id ?? null;
  }
}

interface ErrorBody {
  code: string;
  message: string;
  field?: string;
  details?: Record<string, unknown>;
  request_id?: string;
}

const TOKEN_KEY = "assay.token";

let workspace = "default";
let onUnauthenticated: () => void = () => {};

/** The workspace that requests are made in; the router sets it from the URL. */
export const setWorkspace = (name: string): void => {
  workspace = name;
};
export const currentWorkspace = (): string => workspace;

export const whenUnauthenticated = (callback: () => void): void => {
  onUnauthenticated = callback;
};

/** The credential lives as long as the tab; nothing else on this origin runs foreign scripts. */
export const getToken = (): string | null => sessionStorage.getItem(TOKEN_KEY);
export const setToken = (token: string | null): void => {
  if (token) sessionStorage.setItem(TOKEN_KEY, token);
  else sessionStorage.removeItem(TOKEN_KEY);
};

type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export interface Options {
  query?: Query;
  body?: unknown;
  raw?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** `/runs/` and a name, each part escaped. */
export function apiPath(...parts: (string | number)[]): string {
  return `/${parts.map((part) => encodeURIComponent(String(part))).join("/")}`;
}

/** A file's path below a route: slashes stay. */
export const filePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

export function apiUrl(path: string, query?: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value == null || value === "") continue;
    if (Array.isArray(value)) for (const each of value) params.append(name, each);
    else params.set(name, String(value));
  }
  const text = params.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

export async function send(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { "x-assay-workspace": workspace, ...options.headers };
  const token = getToken();
  if (token) headers.authorization = `Bearer ${token}`;
  let body = options.raw;
  if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(options.body);
  } else if (method !== "GET" && method !== "DELETE" && body === undefined) {
    headers["content-type"] = "application/json";
    body = "{}";
  }
  let response: Response;
  try {
    response = await fetch(apiUrl(path, options.query), { method, headers, body, signal: options.signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is it still running?", 0);
  }
  if (response.ok || response.status === 304) return response;
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  let body: Partial<ErrorBody> = {};
  try {
    body = ((await response.json()) as { error?: ErrorBody }).error ?? {};
  } catch {
    // Not ours: a proxy in between may answer in its own words.
  }
  body.request_id ??= response.headers.get("x-request-id") ?? undefined;
  if (response.status === 401) onUnauthenticated();
  return new ApiError(body.message ?? `The server answered ${response.status}.`, response.status, body);
}

export async function api<T>(method: string, path: string, options?: Options): Promise<T> {
  const response = await send(method, path, options);
  return (await response.json()) as T;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  api<T>("GET", path, { query, signal });
export const post = <T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> =>
  api<T>("POST", path, { body, signal });
