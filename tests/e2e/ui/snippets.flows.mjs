// What empty pages teach works when it is pasted: into an empty folder and a shell that knows nothing yet.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before } from "node:test";
import { promisify } from "node:util";
import { flow, root, settled, stage } from "./harness.mjs";

const run = promisify(execFile);
const python = process.env.ASSAY_PYTHON ?? join(root, ".venv/bin/python");
let here;
let folder;

before(async () => {
  here = await stage();
  folder = await mkdtemp(join(tmpdir(), "assay-paste-"));
});
after(async () => {
  await here?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs a text as somebody would who pasted it; only what finds the programs is in the environment. */
async function paste(text) {
  const env = { PATH: `${dirname(python)}${delimiter}${process.env.PATH}`, HOME: folder, PYTHONPATH: process.env.PYTHONPATH ?? "" };
  const [program, words] = /^import /.test(text) ? [python, ["-c", text]] : ["sh", ["-e", "-c", text]];
  await run(program, words, { cwd: folder, env });
}

/** The texts to paste on a page, in their order. */
async function taught(page, path) {
  if (path) await page.goto(here.url + path);
  await settled(page);
  return page.locator("main pre").allTextContents();
}

flow("the first run and the first version are recorded as the empty pages say", () =>
  here.visit("/", async (page) => {
    const [mlflow, first] = await taught(page);
    assert.match(mlflow, /^export MLFLOW_TRACKING_URI=http/);
    await paste(first);
    const { runs } = await here.call("POST", "/runs/search", { experiment_ids: ["1"] });
    assert.equal(runs[0].metrics["train/loss"].count, 100);
    await paste((await taught(page, "/experiments/0"))[1]);
    await paste((await taught(page, "/models"))[0]);
    await page.goto(`${here.url}/models/support-bot/versions/1`);
    await page.getByText("Closed").first().waitFor();
  }));

flow("a run goes on with metrics, samples, lines and files as its empty pages say", () =>
  here.visit("/", async (page) => {
    const { run_id: id } = await here.call("POST", "/runs", { experiment_id: "0", name: "bare" });
    for (const [tab, shown] of [["charts", "train"], ["samples", "2 completions"], ["logs", "step 2"], ["artifacts", "report.md"]]) {
      await paste((await taught(page, `/runs/${id}?tab=${tab}`))[0]);
      await page.reload();
      await page.getByText(shown).first().waitFor();
    }
  }));

flow("suites, gates and collections are made as the empty pages say", () =>
  here.visit("/", async (page) => {
    await paste((await taught(page, "/gates?tab=suites"))[0]);
    await paste((await taught(page, "/gates"))[0]);
    await page.reload();
    await page.getByRole("link", { name: "capitals-gate" }).waitFor();
    const [command] = await taught(page, "/collections");
    await paste(command);
    await page.reload();
    await page.getByRole("link", { name: /sft-mix/ }).first().waitFor();
  }));
