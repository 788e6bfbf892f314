import type { ReactNode } from "react";
import { Badge, type Tone } from "@/design/badge";
import { cx } from "@/design/cx";
import { Rows } from "@/files/viewer";
import { shortNumber } from "@/format/number";
import { useFileUrl } from "./recorded-files";
import { asText, type Completion, type PromptGroup, promptGroups, readTable } from "./sample-table";

const MOST_ROWS = 2000;

/** A table that a run recorded: prompts with their completions side by side, anything else as rows. */
export function TableView({ text, runId }: { text: string; runId: string }) {
  const table = readTable(text);
  if (!table) return <p className="text-ink-3">This is no table that can be read here.</p>;
  const groups = promptGroups(table);
  if (groups) return <Groups groups={groups} />;
  const hasPictures = table.rows.some((row) => row.some((cell) => pictureOf(cell) !== null));
  return (
    <div className="overflow-auto rounded-lg border border-line bg-surface">
      {hasPictures ? (
        <PictureRows columns={table.columns} rows={table.rows} runId={runId} />
      ) : (
        <Rows rows={[table.columns, ...table.rows.slice(0, MOST_ROWS).map((row) => row.map(asText))]} />
      )}
      {table.rows.length > MOST_ROWS ? (
        <p className="p-3 text-xs text-ink-3">
          The first {MOST_ROWS.toLocaleString("en-US")} of {table.rows.length.toLocaleString("en-US")} rows.
        </p>
      ) : null}
    </div>
  );
}

/** Where the picture in a cell is among the run's files. */
function pictureOf(cell: unknown): string | null {
  if (typeof cell !== "object" || cell === null) return null;
  const { _type, path } = cell as Record<string, unknown>;
  return _type === "image-file" && typeof path === "string" ? path : null;
}

function PictureRows({
  columns,
  rows,
  runId,
}: {
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
  runId: string;
}) {
  return (
    <table className="text-xs">
      <thead>
        <tr className="border-b border-line text-left text-ink-3">
          {columns.map((column) => (
            <th key={column} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, 200).map((row, index) => (
          <tr key={index} className="border-b border-line/60 last:border-0">
            {row.map((cell, at) => {
              const path = pictureOf(cell);
              let shown: ReactNode = asText(cell);
              if (path !== null) shown = <Picture runId={runId} path={path} />;
              return (
                <td key={at} className="px-3 py-2 align-top">
                  {shown}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Picture({ runId, path }: { runId: string; path: string }) {
  const { url, error } = useFileUrl(runId, path);
  if (error) return <code className="font-mono text-ink-3">{path}</code>;
  if (!url) return null;
  return <img src={url} alt={path.split("/").pop() ?? path} className="max-h-40 min-h-12 rounded" />;
}

function Groups({ groups }: { groups: readonly PromptGroup[] }) {
  return (
    <div className="space-y-6">
      {groups.slice(0, 100).map((group, index) => (
        <section key={index} className="overflow-hidden rounded-lg border border-line bg-surface shadow-low">
          <header className="border-b border-line bg-sunken px-4 py-3">
            <p className="text-2xs font-medium text-ink-3">Prompt</p>
            <p className="mt-0.5 line-clamp-6 whitespace-pre-wrap">{group.prompt}</p>
            <Spread group={group} />
          </header>
          <div className="flex snap-x gap-px overflow-x-auto bg-line">
            {group.completions.map((each, at) => (
              <Answer key={at} completion={each} alone={group.completions.length === 1} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}

function Spread({ group }: { group: PromptGroup }) {
  const rewards = group.completions.flatMap((each) => (each.reward === null ? [] : [each.reward]));
  if (rewards.length < 2) return null;
  const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length;
  const spread = Math.sqrt(rewards.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rewards.length);
  return (
    <p className="mt-2 flex gap-4 text-xs text-ink-3 tabular">
      <span>{group.completions.length} completions</span>
      <span>mean reward {shortNumber(mean, 3)}</span>
      <span className={cx(spread === 0 && "text-warn")}>
        {spread === 0 ? "no spread: this group teaches nothing" : `spread ${shortNumber(spread, 3)}`}
      </span>
    </p>
  );
}

const toneOf = (value: number): Tone => (value > 0 ? "good" : value < 0 ? "bad" : "neutral");

function Answer({ completion, alone }: { completion: Completion; alone: boolean }) {
  return (
    <article
      className={cx(
        "flex max-h-96 shrink-0 snap-start flex-col bg-surface",
        alone ? "w-full" : "w-[min(22rem,80vw)] flex-1",
      )}
    >
      <div className="flex flex-wrap gap-1.5 px-4 pt-3">
        {completion.reward === null ? null : (
          <Badge tone={toneOf(completion.reward)}>reward {shortNumber(completion.reward, 3)}</Badge>
        )}
        {completion.advantage === null ? null : (
          <Badge tone={toneOf(completion.advantage)}>advantage {shortNumber(completion.advantage, 3)}</Badge>
        )}
        {completion.more.slice(0, 4).map(([name, value]) => (
          <Badge key={name}>
            {name} {typeof value === "number" ? shortNumber(value, 3) : asText(value).slice(0, 40)}
          </Badge>
        ))}
      </div>
      <pre className="min-h-0 flex-1 overflow-y-auto px-4 py-3 font-mono text-xs leading-5 whitespace-pre-wrap">
        {completion.text}
      </pre>
    </article>
  );
}
