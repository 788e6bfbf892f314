import { useMemo } from "react";
import { Badge, type Tone } from "@/design/badge";
import { cx } from "@/design/cx";
import { jsonCell, valueText } from "@/files/json-cells";
import { isMedium } from "@/files/table-looks";
import { JsonRows } from "@/files/text-file";
import { plural, shortNumber } from "@/format/number";
import { type Completion, type PromptGroup, promptGroups, readTable, type SampleTable } from "./sample-table";

/**
 * A table that a run recorded: prompts with their completions side by side, anything else as rows. The media of its
 * cells are below `folder`.
 */
export function TableView({ text, folder }: { text: string; folder: string }) {
  const table = useMemo(() => readTable(text), [text]);
  const groups = useMemo(() => (table && !hasMedia(table) ? promptGroups(table) : null), [table]);
  if (!table) return <p className="text-ink-3">This is no table that can be read here.</p>;
  if (groups) return <Groups groups={groups} />;
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface shadow-low">
      <JsonRows label="Rows of the table" table={table} folder={folder} />
      <p className="border-t border-line px-4 py-1.5 text-xs text-ink-3 tabular">
        {plural(table.rows.length, "row")}, {plural(table.columns.length, "column")}
      </p>
    </div>
  );
}

const hasMedia = (table: SampleTable): boolean =>
  table.rows.slice(0, 20).some((row) => row.some((value) => isMedium(jsonCell(value))));

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
        alone ? "w-full" : "grow basis-[min(18rem,80vw)]",
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
            {name} {typeof value === "number" ? shortNumber(value, 3) : valueText(value).slice(0, 40)}
          </Badge>
        ))}
      </div>
      <pre className="min-h-0 flex-1 overflow-y-auto px-4 py-3 font-mono text-xs leading-5 whitespace-pre-wrap">
        {completion.text}
      </pre>
    </article>
  );
}
