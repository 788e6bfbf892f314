import { FlaskConical, Trash2 } from "lucide-react";
import { Button } from "@/design/button";
import { cx } from "@/design/cx";
import { Select } from "@/design/field";
import { Snippet } from "@/design/snippet";
import { Empty } from "@/design/states";
import type { Column } from "@/runs/columns";

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
  const origin = window.location.origin;
  const experiment = name ?? "my-experiment";
  return (
    <Empty icon={<FlaskConical />} title="No runs yet">
      <p>Point the client that your trainer already has at this server:</p>
      <Snippet
        text={`export MLFLOW_TRACKING_URI=${origin}\nexport MLFLOW_EXPERIMENT_NAME='${experiment.replaceAll("'", "'\\''")}'`}
      />
      <p>or record with the library of Assay:</p>
      <Snippet
        text={[
          "import assay",
          "",
          `with assay.start_run(${JSON.stringify(experiment)}, url="${origin}") as run:`,
          '    run.log_params({"lr": 2e-5})',
          "    for step in range(100):",
          '        run.log({"train/loss": 1 / (step + 1)}, step=step)',
        ].join("\n")}
      />
    </Empty>
  );
}
