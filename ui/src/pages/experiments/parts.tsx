import { FlaskConical, Trash2 } from "lucide-react";
import { Button } from "@/design/button";
import { cx } from "@/design/cx";
import { Select } from "@/design/field";
import { Snippet } from "@/design/snippet";
import { Empty } from "@/design/states";
import type { Column } from "@/runs/columns";
import { firstRun, mlflowEnv } from "../snippets";

export function GroupPicker({
  all,
  value,
  onValue,
}: {
  all: readonly Column[];
  value: string | undefined;
  onValue: (id: string | undefined) => void;
}) {
  const choices = all.filter(
    (each) => each.kind === "param" || each.kind === "tag" || each.id === "status" || each.id === "user",
  );
  return (
    <Select
      aria-label="Group runs"
      value={value ?? ""}
      onChange={(event) => onValue(event.target.value || undefined)}
      className={cx("max-w-40 shadow-low", value && "border-accent text-accent-ink")}
    >
      <option value="">No groups</option>
      {choices.map((each) => (
        <option key={each.id} value={each.id}>
          by {each.label}
        </option>
      ))}
    </Select>
  );
}

/** Why the table is empty, and what to do about it. */
export function NoRuns({
  filtered,
  inBin,
  name,
  onClear,
}: {
  filtered: boolean;
  inBin: boolean;
  name: string | undefined;
  onClear: () => void;
}) {
  if (filtered) {
    return (
      <Empty
        icon={<FlaskConical />}
        title="No run matches the filter"
        action={<Button onClick={onClear}>Clear the filter</Button>}
      >
        <p>Conditions are joined by AND; texts stand in single quotes, keys with slashes in backticks.</p>
      </Empty>
    );
  }
  if (inBin) {
    return (
      <Empty icon={<Trash2 />} title="The bin is empty">
        <p>Deleted runs wait here and can be restored.</p>
      </Empty>
    );
  }
  const experiment = name ?? "my-experiment";
  return (
    <Empty icon={<FlaskConical />} title="No runs yet">
      <p>Point the client that your trainer already has at this server:</p>
      <Snippet text={mlflowEnv(experiment)} />
      <p>or record with the library of Assay:</p>
      <Snippet text={firstRun(experiment)} />
    </Empty>
  );
}
