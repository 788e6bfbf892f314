import { X } from "lucide-react";
import type { InputHTMLAttributes } from "react";
import { type LedgerSearch, OUTCOMES } from "@/app/search";
import { IconButton } from "@/design/button";
import { cx } from "@/design/cx";
import { Input, Select } from "@/design/field";

type Change = (change: Partial<LedgerSearch>) => void;

/** Every event. */
export const EVERYTHING = {
  object: undefined,
  action: undefined,
  actor: undefined,
  outcome: undefined,
  text: undefined,
  from: undefined,
  to: undefined,
} satisfies LedgerSearch;

export const isFiltered = (search: LedgerSearch): boolean =>
  Object.keys(EVERYTHING).some((each) => search[each as keyof typeof EVERYTHING] !== undefined);

/** What of the ledger is shown; the server searches, the address remembers. */
export function Filters({ search, onChange }: { search: LedgerSearch; onChange: Change }) {
  return (
    <search className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
      <Part
        name="text"
        label="Anywhere"
        placeholder="Found anywhere"
        {...{ search, onChange }}
        className="w-44"
      />
      <Part
        name="action"
        label="Action"
        placeholder="Action: promotion"
        {...{ search, onChange }}
        className="w-40"
      />
      <Part
        name="object"
        label="Object"
        placeholder="Object: alias:bot@production"
        {...{ search, onChange }}
        className="w-52"
      />
      <Part
        name="actor"
        label="Actor"
        placeholder="Actor: user:ann"
        {...{ search, onChange }}
        className="w-36"
      />
      <Select
        aria-label="Outcome"
        value={search.outcome ?? ""}
        onChange={(event) => onChange({ outcome: OUTCOMES.find((each) => each === event.target.value) })}
      >
        <option value="">Any outcome</option>
        {OUTCOMES.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </Select>
      <span className="flex items-center gap-1.5 text-xs text-ink-3">
        <Part name="from" label="From (UTC)" type="date" {...{ search, onChange }} className="w-34" />
        to
        <Part name="to" label="To, inclusive (UTC)" type="date" {...{ search, onChange }} className="w-34" />
      </span>
      {isFiltered(search) ? (
        <IconButton label="Show all events" onClick={() => onChange(EVERYTHING)}>
          <X />
        </IconButton>
      ) : null}
    </search>
  );
}

function Part({
  name,
  label,
  search,
  onChange,
  className,
  ...rest
}: {
  name: "text" | "action" | "object" | "actor" | "from" | "to";
  label: string;
  search: LedgerSearch;
  onChange: Change;
} & Pick<InputHTMLAttributes<HTMLInputElement>, "type" | "placeholder" | "className">) {
  const set = (value: string) => {
    const next = value.trim() || undefined;
    if (next !== search[name]) onChange({ [name]: next });
  };
  return (
    <Input
      aria-label={label}
      title={label}
      defaultValue={search[name] ?? ""}
      onKeyDown={(event) => event.key === "Enter" && set(event.currentTarget.value)}
      onBlur={(event) => set(event.target.value)}
      className={cx("h-8 text-sm max-sm:w-full", className)}
      {...rest}
    />
  );
}
