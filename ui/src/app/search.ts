/**
 * What each page keeps in the URL. Unknown or malformed values are dropped, so that a link that was cut
 * in a chat still opens; what equals the default is left out, so that links stay short.
 */
type Raw = Record<string, unknown>;

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
const oneOf = <T extends string>(value: unknown, known: readonly T[]): T | undefined =>
  known.find((each) => each === value);
const flag = (value: unknown): true | undefined =>
  value === true || value === 1 || value === "1" ? true : undefined;
const list = (value: unknown): string[] | undefined => {
  if (!Array.isArray(value)) return typeof value === "string" && value ? [value] : undefined;
  const found = value.map(text).filter((each) => each !== undefined);
  return found.length > 0 ? found : undefined;
};
const share = (value: unknown): number | undefined =>
  typeof value === "number" && value > 0 && value < 1 ? value : undefined;

export const AXES = ["step", "relative", "wall"] as const;
export type XAxis = (typeof AXES)[number];

export interface RootSearch {
  ws?: string;
}
export const root = (raw: Raw): RootSearch => ({ ws: text(raw.ws) === "default" ? undefined : text(raw.ws) });

export interface ListSearch {
  q?: string;
}
export const listSearch = (raw: Raw): ListSearch => ({ q: text(raw.q) });
export { listSearch as list };

export const experiments = (raw: Raw): ListSearch & { view?: "deleted" } => ({
  q: text(raw.q),
  view: oneOf(raw.view, ["deleted"]),
});

export interface ChartSearch {
  /** Which charts: a text that their key contains, or a regular expression between slashes. */
  charts?: string;
  x?: XAxis;
  logx?: true;
  logy?: true;
  /** Weight of the past in the smoothing, between 0 and 1. */
  smooth?: number;
  /** The key of the chart that fills the page. */
  full?: string;
  /** Charts that were moved to the front, in their order. */
  order?: string[];
  /** Sections that are not as they were at first: closed, or for those of the machine open. */
  sections?: string[];
  /** The part of a chart that is shown, as `zoom.ts` writes it. */
  zoom?: string[];
}
const chart = (raw: Raw): ChartSearch => ({
  charts: text(raw.charts),
  x: oneOf(raw.x, ["relative", "wall"]),
  logx: flag(raw.logx),
  logy: flag(raw.logy),
  smooth: share(raw.smooth),
  full: text(raw.full),
  order: list(raw.order),
  sections: list(raw.sections),
  zoom: list(raw.zoom),
});

export interface RunsSearch extends ChartSearch {
  filter?: string;
  sort?: string;
  cols?: string[];
  group?: string;
  base?: string;
  hide?: string[];
  show?: string[];
  sel?: string[];
  /** Runs that stay on top. */
  pin?: string[];
  /** Colours that somebody chose, `run:slot` of the palette. */
  colors?: string[];
  /** Columns that were made wider or narrower, `metrics.loss:180` in pixels. */
  widths?: string[];
  /** How much of the width the table has beside the charts, in per cent. */
  split?: number;
  /** Groups that are open and runs whose children are closed. */
  open?: string[];
  view?: "table" | "charts";
  bin?: true;
}
export const runs = (raw: Raw): RunsSearch => ({
  ...chart(raw),
  filter: text(raw.filter),
  sort: text(raw.sort),
  cols: list(raw.cols),
  group: text(raw.group),
  base: text(raw.base),
  hide: list(raw.hide),
  show: list(raw.show),
  sel: list(raw.sel),
  pin: list(raw.pin),
  colors: list(raw.colors),
  widths: list(raw.widths),
  open: list(raw.open),
  split: typeof raw.split === "number" && raw.split >= 15 && raw.split <= 85 ? raw.split : undefined,
  view: oneOf(raw.view, ["table", "charts"]),
  bin: flag(raw.bin),
});

export const RUN_TABS = ["overview", "charts", "system", "artifacts", "samples", "logs"] as const;
export type RunTab = (typeof RUN_TABS)[number];
export interface RunSearch extends ChartSearch {
  tab?: RunTab;
  path?: string;
  key?: string;
  step?: number;
}
export const run = (raw: Raw): RunSearch => ({
  ...chart(raw),
  tab: oneOf(raw.tab, RUN_TABS.slice(1)),
  path: text(raw.path),
  key: text(raw.key),
  step: typeof raw.step === "number" ? raw.step : undefined,
});

export const COMPARE_TABS = ["charts", "parallel", "scatter", "params", "metrics"] as const;
export interface CompareSearch extends ChartSearch {
  runs?: string[];
  tab?: (typeof COMPARE_TABS)[number];
  all?: true;
  axes?: string[];
  sx?: string;
  sy?: string;
}
export const compare = (raw: Raw): CompareSearch => ({
  ...chart(raw),
  runs: list(raw.runs),
  tab: oneOf(raw.tab, COMPARE_TABS.slice(1)),
  all: flag(raw.all),
  axes: list(raw.axes),
  sx: text(raw.sx),
  sy: text(raw.sy),
});

export const model = (raw: Raw): { alias?: string } => ({ alias: text(raw.alias) });

export const VERSION_TABS = ["overview", "lineage", "files", "verdicts", "serve"] as const;
export const version = (raw: Raw): { tab?: (typeof VERSION_TABS)[number] } => ({
  tab: oneOf(raw.tab, VERSION_TABS.slice(1)),
});

export const gates = (raw: Raw): { tab?: "suites" | "runs" } => ({ tab: oneOf(raw.tab, ["suites", "runs"]) });

export const OUTCOMES = ["allowed", "denied", "error"] as const;
export interface LedgerSearch {
  object?: string;
  action?: string;
  actor?: string;
  outcome?: (typeof OUTCOMES)[number];
  /** Found anywhere in an event. */
  text?: string;
  /** Days in UTC, `2026-08-01`, both included. */
  from?: string;
  to?: string;
  event?: number;
}
const day = (value: unknown): string | undefined =>
  typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) ? value : undefined;
export const ledger = (raw: Raw): LedgerSearch => ({
  object: text(raw.object),
  action: text(raw.action),
  actor: text(raw.actor),
  outcome: oneOf(raw.outcome, OUTCOMES),
  text: text(raw.text),
  from: day(raw.from),
  to: day(raw.to),
  event: typeof raw.event === "number" ? raw.event : undefined,
});

export const SETTINGS_TABS = [
  "sources",
  "gates",
  "principals",
  "tokens",
  "webhooks",
  "storage",
  "you",
] as const;
export const settings = (raw: Raw): { tab?: (typeof SETTINGS_TABS)[number] } => ({
  tab: oneOf(raw.tab, SETTINGS_TABS),
});

export const collections = (raw: Raw): ListSearch & { type?: string } => ({
  q: text(raw.q),
  type: text(raw.type),
});

/** Where a collection is: in an experiment, or in a registry. */
export interface CollectionSearch {
  experiment?: string;
  registry?: string;
  v?: string;
  path?: string;
}
export const collection = (raw: Raw): CollectionSearch => ({
  experiment: text(raw.experiment),
  registry: text(raw.registry),
  v: text(raw.v),
  path: text(raw.path),
});
