// Charts: curves, zoom, arrangement, and runs that move.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { fill, flow, stage } from "./harness.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await fill(here.url);
});
after(() => here?.stop());

const inExperiment = (search = "") => `/experiments/${data.experiment}${search}`;

flow("a zoom asks for finer data and a button leads back", () =>
  here.visit(inExperiment("?view=charts"), async (page) => {
    const chart = page.getByRole("img", { name: /^eval\/accuracy, \d+ curves/ });
    await chart.waitFor();
    const box = await chart.boundingBox();
    const asked = page.waitForRequest((request) => request.url().endsWith("/runs/buckets") && /start_step/.test(request.postData() ?? ""));
    await page.mouse.move(box.x + 150, box.y + 80);
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 80, { steps: 8 });
    await page.mouse.up();
    const body = JSON.parse((await asked).postData());
    assert.ok(body.start_step >= 0 && body.end_step <= 99 && body.keys.length === 1 && body.start_step < body.end_step);
    await page.getByRole("button", { name: "Back to the whole curve" }).click();
    await page.getByRole("button", { name: "Back to the whole curve" }).waitFor({ state: "detached" });
  }));

flow("charts are filtered, smoothed and put on another axis, all in the address", () =>
  here.visit(inExperiment("?view=charts"), async (page) => {
    await page.getByRole("searchbox", { name: /Filter charts/ }).fill("/^eval/");
    await page.getByRole("button", { name: "Elapsed" }).click();
    await page.getByRole("slider", { name: "Smoothing" }).fill("0.6");
    await page.getByRole("img", { name: /^eval/ }).first().waitFor();
    await page.getByRole("img", { name: /^train/ }).waitFor({ state: "detached" });
    await page.waitForURL(/x=relative/);
    await page.waitForURL(/smooth=0.6/);
  }));

flow("a chart fills the page and is saved as a picture, a drawing and points", () =>
  here.visit(inExperiment("?view=charts"), async (page) => {
    await page.getByRole("img", { name: /^train\/loss/ }).waitFor();
    for (const [kind, name] of [["Picture (PNG)", "train-loss.png"], ["Drawing (SVG)", "train-loss.svg"], ["Points (CSV)", "train-loss.csv"]]) {
      await page.getByRole("button", { name: "Download train/loss" }).click();
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: kind }).click()]);
      assert.equal(file.suggestedFilename(), name);
    }
    await page.getByRole("button", { name: "Enlarge train/loss" }).click();
    await page.waitForURL(/full=/);
    await page.getByRole("button", { name: "Back to all charts" }).click();
    await page.getByRole("img", { name: /^eval\/accuracy/ }).waitFor();
  }));

flow("a chart is dragged to another place, and the address keeps the order", () =>
  here.visit(inExperiment("?view=charts"), async (page) => {
    const names = () => page.getByRole("img", { name: /^eval\// }).evaluateAll((all) => all.map((each) => each.getAttribute("aria-label").split(",")[0]));
    await page.getByRole("img", { name: /^eval\/reward/ }).waitFor();
    assert.deepEqual(await names(), ["eval/accuracy", "eval/reward"]);
    const caption = (key) => page.locator("figcaption").filter({ has: page.getByTitle(key, { exact: true }) });
    await caption("eval/reward").dragTo(caption("eval/accuracy"));
    await page.waitForURL(/order=/);
    await page.reload();
    await page.getByRole("img", { name: /^eval\/reward/ }).waitFor();
    await page.getByRole("img", { name: /^eval\/accuracy/ }).waitFor();
    assert.deepEqual(await names(), ["eval/reward", "eval/accuracy"]);
    await page.getByRole("button", { name: "Download eval/reward" }).click();
    await page.getByRole("menuitem", { name: "Move back one place" }).click();
    await page.waitForFunction(() => document.querySelector("[role=img]").getAttribute("aria-label").startsWith("eval/accuracy"));
  }));

flow("curves of a run are hidden and shown from its row", () =>
  here.visit(inExperiment(), async (page) => {
    await page.getByRole("img", { name: "train/loss, 8 curves" }).waitFor();
    await page.getByRole("button", { name: "Hide the curves of run-3" }).click();
    await page.getByRole("img", { name: "train/loss, 7 curves" }).waitFor();
    await page.getByRole("button", { name: "Show the curves of run-3" }).click();
    await page.getByRole("img", { name: "train/loss, 8 curves" }).waitFor();
  }));

flow("groups become one curve with a band", () =>
  here.visit(inExperiment("?group=params.algorithm"), (page) => page.getByRole("img", { name: "train/loss, 2 curves" }).waitFor()));

flow("a live run appears in the table, moves and ends by itself", async () => {
  let id;
  const point = (step) => here.call("POST", `/runs/${id}/batch`, { points: [["train/loss", step, step, Date.now()]] });
  await here.visit(inExperiment("?view=table&cols=%5B%22status%22%2C%22metrics.train%2Floss%22%5D"), async (page) => {
    await page.getByRole("link", { name: "run-0", exact: true }).waitFor();
    // Whoever is told of a run asks for that run; whoever asks again and again asks for all.
    const asked = page.waitForRequest((request) => id !== undefined && (request.postData() ?? "").includes(`run_id IN ('${id}`));
    ({ run_id: id } = await here.call("POST", "/runs", { experiment_id: data.experiment, name: "newcomer" }));
    await asked;
    await page.getByRole("link", { name: "newcomer", exact: true }).waitFor();
    await point(1);
    await point(4711);
    await page.getByRole("gridcell", { name: /4[.,]?711/ }).waitFor();
    await here.call("PATCH", `/runs/${id}`, { status: "failed", name: "latecomer" });
    await page.getByRole("link", { name: "latecomer", exact: true }).waitFor();
    await here.call("DELETE", `/runs/${id}`);
    await page.getByRole("link", { name: "latecomer", exact: true }).waitFor({ state: "detached" });
  });
});

flow("without a stream of news the table asks for itself", async () => {
  let id;
  await here.visit(
    "/experiments",
    async (page) => {
      await page.route(/\/live(\?|$)/, (route) => route.abort());
      await page.goto(here.url + inExperiment("?view=table"));
      await page.getByRole("link", { name: "run-0", exact: true }).waitFor();
      ({ run_id: id } = await here.call("POST", "/runs", { experiment_id: data.experiment, name: "unheard" }));
      await page.getByRole("link", { name: "unheard", exact: true }).waitFor();
    },
    { mayComplain: true },
  );
  await here.call("DELETE", `/runs/${id}`);
});
