import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { call, fill, startBrowser, startServer, violations } from "./harness.mjs";

let server;
let browser;
let data;

before(async () => {
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
  data = await fill(server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens a page, follows the story, and holds that the browser had nothing to complain about. */
const visit = async (path, story, options = {}) => {
  const { page, complaints, foreign, close } = await browser.open(server.url, { path, ...options });
  try {
    await story(page);
    assert.deepEqual(foreign, [], "no request leaves the origin");
    if (!options.mayComplain) assert.deepEqual(complaints, [], "no console errors");
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined, "nothing of a run ever ran");
  } finally {
    await close();
  }
};
const rows = (page) => page.getByRole("grid").locator("[aria-rowindex]:not([aria-rowindex='1'])");
const inExperiment = (search = "") => `/experiments/${data.experiment}${search}`;

describe("runs", () => {
  it("are filtered with completion, and the address keeps the filter", () =>
    visit(inExperiment(), async (page) => {
      await rows(page).nth(7).waitFor();
      const filter = page.getByRole("combobox", { name: "Filter runs" });
      await filter.fill("algo");
      await page.getByRole("option", { name: /params.algorithm/ }).click();
      await filter.press("End");
      await filter.pressSequentially("= 'grpo' AND seed");
      await filter.fill("params.algorithm = 'grpo'");
      await filter.press("Escape");
      await filter.press("Enter");
      await page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "5");
      assert.match(page.url(), /filter=/);
      await page.reload();
      await rows(page).nth(3).waitFor();
      assert.equal(await rows(page).count(), 4);
    }));

  it("say what is wrong with a filter", () =>
    visit(
      inExperiment(),
      async (page) => {
        const filter = page.getByRole("combobox", { name: "Filter runs" });
        await filter.fill("metrics.loss ~ 3");
        await filter.press("Escape");
        await filter.press("Enter");
        await page.getByRole("alert").filter({ hasText: "compared with" }).first().waitFor();
      },
      { mayComplain: true },
    ));

  it("are sorted by a metric and grouped by a param", () =>
    visit(inExperiment("?view=table"), async (page) => {
      await page.getByRole("button", { name: "eval/accuracy" }).click();
      await page.waitForFunction(() => document.querySelector("[role=grid] [aria-rowindex='2'] a")?.textContent === "run-0");
      await page.getByRole("combobox", { name: "Group runs" }).selectOption("params.algorithm");
      await page.getByRole("button", { name: /grpo/ }).waitFor();
      assert.equal(await rows(page).count(), 2);
    }));

  it("are moved through by keyboard", () =>
    visit(inExperiment("?view=table"), async (page) => {
      await rows(page).first().waitFor();
      await page.getByRole("grid").focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
      await page.getByRole("toolbar", { name: "Selected runs" }).waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/runs\//);
    }));

  it("go into the bin and come back", () =>
    visit(inExperiment("?view=table"), async (page) => {
      await page.getByRole("checkbox", { name: "Select run-5" }).check();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "8");
      await page.getByRole("button", { name: "Deleted runs" }).click();
      await page.getByRole("checkbox", { name: "Select run-5" }).check();
      await page.getByRole("button", { name: "Restore" }).click();
      await page.getByText("The bin is empty").waitFor();
    }));

  it("have a column picker, a baseline and a download", () =>
    visit(inExperiment("?view=table"), async (page) => {
      await page.getByRole("button", { name: "Columns" }).click();
      await page.getByRole("searchbox", { name: "Find a column" }).fill("seed");
      await page.getByRole("checkbox", { name: "seed" }).click();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Make run-6 the baseline" }).click();
      await page.getByText(/[+−]\d+(\.\d+)? %/).first().waitFor();
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /CSV/ }).click()]);
      assert.match(file.suggestedFilename(), /sweep\.csv/);
    }));
});

describe("charts", () => {
  it("draw curves, zoom, and ask for finer data", () =>
    visit(inExperiment("?view=charts"), async (page) => {
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
    }));

  it("filter by a regular expression, smooth and change the axis, all in the address", () =>
    visit(inExperiment("?view=charts"), async (page) => {
      await page.getByRole("searchbox", { name: /Filter charts/ }).fill("/^eval/");
      await page.getByRole("button", { name: "Elapsed" }).click();
      await page.getByRole("slider", { name: "Smoothing" }).fill("0.6");
      await page.getByRole("img", { name: /^eval/ }).waitFor();
      assert.equal(await page.getByRole("img", { name: /^train/ }).count(), 0);
      assert.match(page.url(), /x=relative/);
      assert.match(page.url(), /smooth=0.6/);
    }));
});

describe("a run", () => {
  it("shows its lineage with origins and fingerprint", () =>
    visit(`/runs/${data.ids[0]}`, async (page) => {
      await page.getByText("Closed").waitFor();
      await page.getByText("from the tag mlflow.source.git.commit").waitFor();
    }));

  it("shows files of every kind without letting one act", () =>
    visit(`/runs/${data.ids[7]}?tab=artifacts`, async (page) => {
      for (const name of ["report.html", "plot.svg", "notes.md", "rows.csv"]) {
        await page.getByRole("treeitem", { name: new RegExp(name) }).click();
        await page.getByRole("button", { name: "Download" }).waitFor();
        await page.waitForTimeout(150);
      }
    }));

  it("shows completions side by side under their prompt", () =>
    visit(`/runs/${data.ids[0]}?tab=samples`, async (page) => {
      await page.getByText("2+2?").waitFor();
      await page.getByText("reward 1").waitFor();
      await page.getByText("<script>window.pwned=8</script>").waitFor();
    }));

  it("moves while it runs", async () => {
    const { run_id } = await call(server.url, "POST", "/runs", { experiment_id: data.experiment, name: "live" });
    const point = (step) => call(server.url, "POST", `/runs/${run_id}/batch`, { points: [["train/loss", step, step, Date.now()]] });
    await point(1);
    await visit(`/runs/${run_id}`, async (page) => {
      await page.getByRole("cell", { name: "1", exact: true }).first().waitFor();
      await point(41);
      await page.getByRole("cell", { name: "41", exact: true }).first().waitFor();
    });
    await call(server.url, "DELETE", `/runs/${run_id}`);
  });

  it("that does not exist is told with the request's id", () =>
    visit(
      `/runs/${"0".repeat(32)}`,
      async (page) => {
        await page.getByText("does not exist").waitFor();
        await page.getByText(/^Request/).waitFor();
      },
      { mayComplain: true },
    ));

  it("is found under the address of MLflow's page", () =>
    visit(`/#/experiments/${data.experiment}/runs/${data.ids[0]}`, (page) => page.waitForURL(new RegExp(`/runs/${data.ids[0]}`))));
});

describe("decisions", () => {
  it("compare refuses to rank across suites and ranks within one", () =>
    visit(`/compare?runs=${encodeURIComponent(JSON.stringify(data.ids.slice(0, 7)))}&tab=params`, async (page) => {
      await page.getByText("not scored on one suite").waitFor();
      await page.getByRole("button", { name: "Rank these" }).click();
      await page.getByRole("button", { name: "Register it" }).waitFor();
      await page.getByText("best of 6 by accuracy").waitFor();
      await page.getByRole("rowheader", { name: "lr" }).waitFor();
    }));

  it("register, preview with reasons, and the ledger has it", () =>
    visit(`/runs/${data.ids[0]}`, async (page) => {
      await page.getByRole("button", { name: "Register" }).click();
      await page.getByLabel("Model").fill("bot");
      await page.getByRole("button", { name: "Register a version" }).click();
      await page.waitForURL(/\/models\/bot\/versions\/1/);
      await page.getByRole("heading", { name: "Version 1" }).waitFor();
      await page.getByText("Closed").waitFor();
      await page.getByRole("link", { name: "bot", exact: true }).click();
      await page.getByRole("button", { name: /^Promote v1/ }).click();
      await page.getByText("Held", { exact: true }).waitFor();
      await page.getByText(/no gate/i).first().waitFor();
      assert.ok(await page.getByRole("button", { name: "Promote version 1" }).isDisabled());
      await page.keyboard.press("Escape");
      await page.getByRole("link", { name: "Ledger" }).click();
      await page.getByText("version.registered").first().waitFor();
      await page.getByRole("button", { name: "Verify", exact: true }).click();
      await page.getByText("Intact", { exact: true }).waitFor();
    }));

  it("quarantine asks why", () =>
    visit("/models/bot/versions/1", async (page) => {
      await page.getByRole("button", { name: "Quarantine" }).click();
      const dialog = page.getByRole("dialog");
      assert.ok(await dialog.getByRole("button", { name: "Quarantine" }).isDisabled());
      await dialog.getByLabel("Why").fill("a bad answer");
      await dialog.getByRole("button", { name: "Quarantine" }).click();
      await page.getByText("Quarantined").first().waitFor();
      await page.getByRole("button", { name: "Clear" }).click();
      await page.getByRole("dialog").getByLabel("Why").fill("looked at");
      await page.getByRole("dialog").getByRole("button", { name: "Clear" }).click();
      await page.getByText("Verifiable").first().waitFor();
    }));
});

describe("everywhere", () => {
  it("Ctrl-K finds what was typed", () =>
    visit("/", async (page) => {
      await page.getByText("Recent runs").waitFor();
      await page.waitForTimeout(700);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: /Search/ }).fill("run-3");
      await page.getByRole("option", { name: /run-3/ }).click();
      await page.waitForURL(new RegExp(data.ids[3]));
    }));

  it("an address that does not exist says so", () =>
    visit("/nonsense", (page) => page.getByText("There is no such page").waitFor(), { mayComplain: true }));

  const places = () => [
    "/",
    "/experiments",
    inExperiment(),
    `/runs/${data.ids[0]}`,
    `/runs/${data.ids[0]}?tab=charts`,
    `/runs/${data.ids[0]}?tab=artifacts&path=rows.csv`,
    `/runs/${data.ids[0]}?tab=samples`,
    `/compare?runs=${encodeURIComponent(JSON.stringify(data.ids))}&tab=parallel`,
    "/models",
    "/models/bot",
    "/models/bot/versions/1?tab=lineage",
    "/gates",
    "/ledger",
    "/settings",
    "/settings?tab=tokens",
  ];
  for (const theme of ["light", "dark"]) {
    it(`axe finds nothing serious (${theme})`, async () => {
      const found = {};
      for (const path of places()) {
        await visit(
          path,
          async (page) => {
            await page.waitForLoadState("networkidle");
            await page.waitForTimeout(300);
            const bad = await violations(page);
            if (bad.length > 0) found[path] = bad;
          },
          { theme },
        );
      }
      assert.deepEqual(found, {});
    });
  }

  it("nothing is wider than a telephone", async () => {
    for (const path of places()) {
      await visit(
        path,
        async (page) => {
          await page.waitForLoadState("networkidle");
          assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, path);
        },
        { width: 390, height: 844 },
      );
    }
  });
});

describe("with accounts", () => {
  it("asks for a token, and takes a good one", async () => {
    const guarded = await startServer("--auth");
    const { page, close } = await browser.open(guarded.url);
    try {
      await page.getByLabel("API token").fill("nonsense");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText(/credential|token/i).nth(1).waitFor();
      await page.getByLabel("API token").fill(await guarded.token("admin"));
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("Recent runs").waitFor();
    } finally {
      await close();
      await guarded.stop();
    }
  });
});
