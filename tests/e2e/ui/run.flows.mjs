// One run: what it is made of, what it left behind, and that nothing of it acts as its reader.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { fill, flow, settled, stage } from "./harness.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await fill(here.url);
});
after(() => here?.stop());

flow("a run shows its lineage with origins and fingerprint", () =>
  here.visit(`/runs/${data.ids[0]}`, async (page) => {
    await page.getByText("Closed").first().waitFor();
    await page.getByText("from the tag mlflow.source.git.commit").first().waitFor();
  }));

flow("hostile names and files of every kind do nothing", () =>
  here.visit(`/runs/${data.ids[7]}?tab=artifacts`, async (page) => {
    await page.getByRole("heading", { name: "<img src=x" }).waitFor();
    for (const name of ["report.html", "plot.svg", "notes.md", "rows.csv", "dot.png"]) {
      await page.getByRole("treeitem", { name }).click();
      await page.getByRole("banner").or(page.locator("header")).filter({ hasText: name }).first().waitFor();
      await settled(page);
    }
    await page.getByRole("treeitem", { name: "report.html" }).click();
    await page.getByText("<script>window.pwned=4").first().waitFor();
    await page.goto(`${here.url}/runs/${data.ids[7]}`);
    await page.getByText("Note").first().waitFor();
    await settled(page);
  }));

flow("completions stand side by side under their prompt", () =>
  here.visit(`/runs/${data.ids[0]}?tab=samples&key=completions`, async (page) => {
    await page.getByText("2+2?").first().waitFor();
    await page.getByText("reward 1").first().waitFor();
    await page.getByText("<script>window.pwned=8</script>").first().waitFor();
  }));

flow("pictures and pages that a run recorded are shown without acting", () =>
  here.visit(`/runs/${data.ids[0]}?tab=samples&key=attention`, async (page) => {
    await page.getByRole("img", { name: "attention at step 3" }).waitFor();
    await page.getByRole("combobox", { name: "Which samples" }).selectOption("rendered");
    await page.getByText("HTML, shown as its source.").first().waitFor();
    await page.getByRole("button", { name: "Draw it" }).click();
    await page.frameLocator("iframe").getByRole("heading", { name: "Rendered" }).waitFor();
  }));

flow("a run whose policy collapses says so", async () => {
  const { run_id } = await here.call("POST", "/runs", { experiment_id: data.experiment, name: "collapsing" });
  const points = Array.from({ length: 400 }, (_, step) => ["train/entropy", step < 200 ? 2 : 0.001, step, Date.now()]);
  await here.call("POST", `/runs/${run_id}/batch`, { points });
  await here.call("POST", `/runs/${run_id}/health`, {});
  await here.visit(`/runs/${run_id}`, async (page) => {
    await page.getByRole("heading", { name: "RL health" }).waitFor();
    await page.getByText("Entropy collapsed").first().waitFor();
  });
  await here.call("DELETE", `/runs/${run_id}`);
});

flow("what a run printed is read and searched while it goes on", async () => {
  const { run_id } = await here.call("POST", "/runs", { experiment_id: data.experiment, name: "talker" });
  const say = (step, payload) =>
    here.call("POST", `/runs/${run_id}/records`, { records: [{ key: "assay.console/stdout", step, kind: "text", timestamp_ms: Date.now(), payload }] });
  await say(1, "\u001b[32mloading\u001b[0m weights");
  await here.visit(`/runs/${run_id}?tab=logs`, async (page) => {
    const log = page.getByRole("log");
    await log.getByText("loading weights", { exact: true }).first().waitFor();
    await say(2, "10%\r100%");
    await say(3, "<img src=x onerror='window.pwned=11'>");
    await log.getByText("100%", { exact: true }).first().waitFor();
    await log.getByText("<img src=x").first().waitFor();
    await page.getByRole("searchbox", { name: "Find in the log" }).fill("weights");
    await page.getByText("1 of 3 lines").first().waitFor();
  });
  await here.call("DELETE", `/runs/${run_id}`);
});

flow("a run's page moves while it runs", async () => {
  const { run_id } = await here.call("POST", "/runs", { experiment_id: data.experiment, name: "live" });
  const point = (step) => here.call("POST", `/runs/${run_id}/batch`, { points: [["train/loss", step, step, Date.now()]] });
  await point(1);
  await here.visit(`/runs/${run_id}`, async (page) => {
    await page.getByRole("cell", { name: "1", exact: true }).first().waitFor();
    await point(41);
    await page.getByRole("cell", { name: "41", exact: true }).first().waitFor();
    await page.getByRole("link", { name: /^Charts/ }).click();
    await page.getByRole("img", { name: /^train\/loss, 1 curve/ }).waitFor();
  });
  await here.call("DELETE", `/runs/${run_id}`);
});

flow("a run that does not exist is told with the id of the request", () =>
  here.visit(
    `/runs/${"0".repeat(32)}`,
    async (page) => {
      await page.getByText("does not exist").first().waitFor();
      await page.getByText(/^Request/).first().waitFor();
    },
    { mayComplain: true },
  ));

flow("a run is found under the address that MLflow's page gives it", () =>
  here.visit(`/#/experiments/${data.experiment}/runs/${data.ids[0]}`, (page) => page.waitForURL(new RegExp(`/runs/${data.ids[0]}`))));

flow("Ctrl-K finds what was typed", () =>
  here.visit("/", async (page) => {
    await page.getByText("Recent runs").first().waitFor();
    await page.keyboard.press("Control+k");
    const search = page.getByRole("combobox", { name: /Search/ });
    await search.fill("run-3");
    await page.getByRole("option", { name: /run-3/ }).click();
    await page.waitForURL(new RegExp(data.ids[3]));
  }));

flow("an address that does not exist says so", () =>
  here.visit("/nonsense", (page) => page.getByText("There is no such page").first().waitFor(), { mayComplain: true }));

flow("runs of two suites are not ranked, and those of one are", () =>
  here.visit(`/compare?runs=${encodeURIComponent(JSON.stringify(data.ids.slice(0, 7)))}&tab=params`, async (page) => {
    await page.getByText("not scored on one suite").first().waitFor();
    assert.ok(await page.getByRole("button", { name: "Select the winner" }).isDisabled());
    await page.getByRole("button", { name: "Rank these" }).click();
    await page.getByRole("button", { name: "Register it" }).waitFor();
    await page.getByText("best of 6 by accuracy").first().waitFor();
    await page.getByRole("rowheader", { name: "lr" }).waitFor();
  }));

flow("a comparison shows differences, parallel coordinates and a scatter", () =>
  here.visit(`/compare?runs=${encodeURIComponent(JSON.stringify(data.ids.slice(0, 5)))}`, async (page) => {
    await page.getByRole("img", { name: /^train\/loss, 5 curves/ }).waitFor();
    const part = (name) => page.getByRole("navigation", { name: /Ways|Parts/ }).getByRole("link", { name }).click();
    await part(/Parallel/);
    await settled(page);
    await part(/Scatter/);
    await settled(page);
    await part(/Metrics/);
    await page.getByRole("rowheader", { name: "eval/accuracy" }).waitFor();
  }));
