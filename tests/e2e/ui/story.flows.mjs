// The main job from the first filter to the ledger, as one person does it in one sitting, with a real gate runner.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { assay, flow, hasLines, stage } from "./harness.mjs";

const COUNTRIES = { France: "Paris", Italy: "Roma", Austria: "Wien", Spain: "Madrid", Japan: "Tokyo" };
const SUITE = `
name = "capitals"

[harness]
name = "capitals-exam"
version = "1"

[[tasks]]
split = "test"
metrics = [{ name = "accuracy", direction = "maximize", low = 0, high = 1 }]
few_shot = { count = 0 }
generation = { temperature = 0, max_tokens = 8 }
`;
const SCORER = `
import argparse, json
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("--items", "--candidate", "--out"):
    parser.add_argument(name, type=Path)
given = parser.parse_args()
answers = json.loads((given.candidate / "answers.json").read_text())
with given.items.open() as items, given.out.open("w") as out:
    for item in map(json.loads, items):
        right = answers.get(item["input"]) == item["reference"]
        out.write(json.dumps({"item_id": item["id"], "metrics": {"accuracy": int(right)}}) + "\\n")
`;

let here;
let folder;
let experiment;

before(async () => {
  here = await stage();
  folder = await mkdtemp(join(tmpdir(), "assay-suite-"));
  const items = Object.entries(COUNTRIES).map(([input, reference]) => JSON.stringify({ id: input, input, reference }));
  await Promise.all([
    writeFile(join(folder, "suite.toml"), SUITE),
    writeFile(join(folder, "items.jsonl"), `${items.join("\n")}\n`),
    writeFile(join(folder, "scorer.py"), SCORER),
  ]);
  await assay("gates", "create", "exam", "--suite", folder, "--threshold", "0.5", "--url", here.url);
  const { gates } = await here.call("GET", "/gates");
  experiment = (await here.call("POST", "/experiments", { name: "capitals" })).experiment_id;
  // Each run knows one capital more than the one before; the last one is of another algorithm.
  for (const [index, known] of [2, 3, 4, 5].entries()) {
    const algorithm = index === 3 ? "dpo" : "grpo";
    const { run_id } = await here.call("POST", "/runs", {
      experiment_id: experiment,
      name: `${algorithm}-${known}`,
      params: { algorithm, lr: `${known}e-6`, base_model: "tiny", data_version: `sha256:${"a".repeat(64)}`, seed: "1" },
      tags: { "mlflow.source.git.commit": "c".repeat(40) },
    });
    const points = Array.from({ length: 200 }, (_, step) => ["eval/accuracy", (known / 5) * (1 - 1 / (step + 2)), step, 1_700_000_000_000 + step * 1000]);
    await here.call("POST", `/runs/${run_id}/batch`, { points });
    const answers = Object.fromEntries(Object.entries(COUNTRIES).slice(0, known));
    await here.call("PUT", `/runs/${run_id}/files/model/answers.json`, JSON.stringify(answers), { "content-type": "application/octet-stream" });
    await here.call("POST", `/runs/${run_id}/evals`, { suite: gates[0].suite, metrics: { accuracy: known / 5 }, items: 5 });
    await here.call("PATCH", `/runs/${run_id}`, { status: "finished" });
  }
});
after(async () => {
  await here?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const holdExams = () => assay("gate-runner", "--until-idle", "--unsandboxed", "--data", here.server.data, "--url", here.url);
const promote = (page) => page.getByRole("button", { name: /^Promote( v\d+)?$/ }).first().click();

flow("a run is filtered, charted, zoomed, compared, chosen, registered, examined, held with reasons, promoted and rolled back, and the ledger shows all of it", () =>
  here.visit(
    `/experiments/${experiment}`,
    async (page) => {
      // Filter, chart, zoom.
      const filter = page.getByRole("combobox", { name: "Filter runs" });
      await filter.fill("params.algorithm = 'grpo'");
      await filter.press("Escape");
      await filter.press("Enter");
      await hasLines(page, 3);
      const chart = page.getByRole("img", { name: "eval/accuracy, 3 curves" });
      await chart.waitFor();
      const box = await chart.boundingBox();
      await page.mouse.move(box.x + 120, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + 240, box.y + 60, { steps: 6 });
      await page.mouse.up();
      await page.getByRole("button", { name: "Back to the whole curve" }).waitFor();

      // Compare, select the winner, register it.
      await page.getByRole("checkbox", { name: "Select all runs that are loaded" }).click();
      await page.getByRole("button", { name: "Compare" }).click();
      await page.getByRole("button", { name: "Select the winner" }).click();
      await page.getByText("best of 3 by accuracy").first().waitFor();
      await page.getByRole("button", { name: "Register it" }).click();
      await page.getByLabel("Model").fill("bot");
      await page.getByRole("button", { name: "Register a version" }).click();
      await page.getByRole("heading", { name: "Version 1" }).waitFor();
      await page.getByText("Closed").first().waitFor();

      // Without a verdict it is held; the exam is queued, held by a runner, and then it is promoted.
      await page.getByRole("link", { name: "bot", exact: true }).click();
      await promote(page);
      await page.getByText("Held", { exact: true }).first().waitFor();
      await page.getByRole("button", { name: "Queue the exam" }).click();
      await page.getByText(/queued/i).first().waitFor();
      await holdExams();
      await page.getByRole("button", { name: "Cancel" }).click();
      await promote(page);
      await page.getByText("It would be promoted").first().waitFor();
      await page.getByLabel("Why now").fill("the best of the sweep");
      await page.getByRole("button", { name: "Promote version 1" }).click();
      await page.getByText("holds production since").first().waitFor();

      // A weaker challenger is held with its reasons, before and after its exam.
      const { runs } = await here.call("POST", "/runs/search", { experiment_ids: [experiment], filter: "" });
      const register = (name) =>
        here.call("POST", "/models/bot/versions", { run_id: runs.find((run) => run.name === name).run_id, artifact_path: "model" });
      await register("grpo-3");
      await register("dpo-5");
      for (const version of [2, 3]) await here.call("POST", "/gate-runs", { model: "bot", version });
      await holdExams();
      await page.reload();
      await page.getByRole("button", { name: "Promote version 2" }).click();
      const decision = page.getByRole("region", { name: "Decision" });
      await decision.getByText("Held", { exact: true }).first().waitFor();
      assert.match(await decision.innerText(), /0\.6.*0\.8|champion/is);
      assert.ok(await page.getByRole("button", { name: "Promote version 2" }).last().isDisabled());

      // The stronger one takes over, and one step leads back.
      await page.getByLabel("Challenger").selectOption("3");
      await page.getByText("It would be promoted").first().waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Promote version 3" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Version 3" }).first().waitFor();
      await page.getByRole("button", { name: "Roll back" }).click();
      await page.getByLabel("Why").fill("refuses refunds");
      await page.getByRole("button", { name: "Roll back now" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Version 1" }).first().waitFor();
      await page.getByText("Quarantined").first().waitFor();

      // What was measured on each item can be looked at.
      await page.getByRole("link", { name: "Gates" }).click();
      await page.getByRole("link", { name: /Gate runs|Exams/ }).click();
      await page.getByRole("button", { name: "The 5 items of bot v2" }).click();
      await page.getByText("Austria").first().waitFor();
      await page.getByRole("button", { name: "With a zero" }).click();
      await page.getByText("2 items").first().waitFor();
      await page.getByRole("button", { name: "Close" }).click();

      // The ledger has every step, and is intact.
      await page.getByRole("link", { name: "Ledger" }).click();
      for (const action of ["gate.created", "version.registered", "promotion", "rollback"]) {
        await page.getByText(action, { exact: false }).first().waitFor();
      }
      await page.getByRole("button", { name: "Verify", exact: true }).click();
      await page.getByText("Intact", { exact: true }).first().waitFor();
    },
    // A promotion that is held answers 409, which the browser's console repeats.
    { mayComplain: true },
  ));
