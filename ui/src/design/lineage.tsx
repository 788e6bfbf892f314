import { BadgeCheck, CircleDashed } from "lucide-react";
import type { ReactNode } from "react";
import { Badge } from "./badge";
import { cx } from "./cx";
import { CopyButton, Digest } from "./snippet";

export const LINEAGE_FIELDS = ["data_version", "code_commit", "config", "base_model", "seed"] as const;
export type LineageField = (typeof LINEAGE_FIELDS)[number];

export const FIELD_TITLES: Record<LineageField, string> = {
  data_version: "Data",
  code_commit: "Code",
  config: "Config",
  base_model: "Base model",
  seed: "Seed",
};

const ADD: Record<LineageField, string> = {
  data_version: 'log the param data_version, or the dataset as an input: assay.data_version("data")',
  code_commit: "run inside a git checkout, or log the param code_commit",
  config: "log the training's params",
  base_model: "log the param base_model",
  seed: "log the param seed",
};

/** The five facts of a lineage, where each came from, and how to add the one that is missing. */
export function LineageFacts({
  values,
  origins,
  fingerprint,
  note,
}: {
  /** The fields as JSON texts. */
  values: Partial<Record<string, string>>;
  origins: Record<string, string>;
  fingerprint: string | null;
  note?: ReactNode;
}) {
  return (
    <div>
      <ul className="divide-y divide-line">
        {LINEAGE_FIELDS.map((field) => {
          const value = values[field];
          return (
            <li key={field} className="grid grid-cols-[5.5rem_minmax(0,1fr)] gap-x-3 px-4 py-2.5">
              <span className="flex items-center gap-1.5 self-start text-ink-3">{FIELD_TITLES[field]}</span>
              {value === undefined ? (
                <span>
                  <span className="flex items-center gap-1.5 text-warn">
                    <CircleDashed className="size-3.5" /> Missing
                  </span>
                  <span className="mt-0.5 block text-xs text-ink-3">To add it, {ADD[field]}.</span>
                </span>
              ) : (
                <span className="min-w-0">
                  <Value field={field} json={value} />
                  {origins[field] ? (
                    <span className="block truncate text-xs text-ink-3">
                      from {originText(origins[field])}
                    </span>
                  ) : null}
                </span>
              )}
            </li>
          );
        })}
      </ul>
      <div
        className={cx(
          "flex flex-wrap items-center gap-x-3 gap-y-1.5 border-t border-line px-4 py-3",
          fingerprint ? "" : "bg-warn-soft",
        )}
      >
        {fingerprint ? (
          <>
            <Badge tone="good">
              <BadgeCheck /> Closed
            </Badge>
            <span className="text-xs text-ink-3">Fingerprint</span>
            <Digest value={fingerprint} length={16} />
          </>
        ) : (
          <span className="text-xs text-warn">
            {note ?? "Not closed: no version can be registered under this workspace's policy."}
          </span>
        )}
      </div>
    </div>
  );
}

const originText = (origin: string): string =>
  origin === "stated"
    ? "what the code stated"
    : origin === "remaining params"
      ? "the logged params"
      : `the ${origin}`;

function Value({ field, json }: { field: LineageField; json: string }) {
  if (field === "config") {
    const config = parsed(json) as Record<string, unknown> | null;
    const names = Object.keys(config ?? {});
    return (
      <details className="group">
        <summary className="list-none text-ink hover:underline">
          {names.length} {names.length === 1 ? "setting" : "settings"}
        </summary>
        <pre className="my-1.5 max-h-64 overflow-auto rounded-md border border-line bg-sunken p-2 font-mono text-xs">
          {JSON.stringify(config, null, 2)}
        </pre>
      </details>
    );
  }
  const plain = parsed(json);
  const text = typeof plain === "string" ? plain : json;
  const isDigest = text.length > 36;
  return (
    <span className="flex min-w-0 items-center gap-0.5">
      <code className="min-w-0 truncate font-mono text-xs" title={text}>
        {isDigest && /^(sha256:)?[0-9a-f]+$/.test(text) ? `${text.slice(0, 26)}…` : text}
      </code>
      <CopyButton text={text} className="size-5" />
    </span>
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
