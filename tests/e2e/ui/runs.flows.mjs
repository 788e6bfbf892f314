// The runs table: finding, arranging and marking runs, with the address as its memory.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { fill, flow, hasLines, rows, stage } from "./harness.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await fill(here.url);
});
after(() => here?.stop());

const inExperiment = (search = "") => `/experiments/${data.experiment}${search}`;

flow("runs are filtered with completion and the address keeps the filter", () =>
  here.visit(inExperiment(), async (page) => {
    await rows(page).nth(7).waitFor();
    const filter = page.getByRole("combobox", { name: "Filter runs" });
    await filter.fill("algo");
    await page.getByRole("option", { name: /params.algorithm/ }).click();
    await filter.fill("params.algorithm = 'grpo'");
    await filter.press("Escape");
    await filter.press("Enter");
    await hasLines(page, 4);
    assert.match(page.url(), /filter=/);
    await page.reload();
    await hasLines(page, 4);
  }));

flow("a filter is completed by keyboard: key, operator, then a value that the server knows", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await rows(page).nth(7).waitFor();
    const filter = page.getByRole("combobox", { name: "Filter runs" });
    const take = async (name) => {
      const option = page.getByRole("option", { name });
      await option.waitFor();
      for (let presses = 0; presses < 15; presses += 1) {
        if ((await option.getAttribute("aria-selected")) === "true") break;
        await filter.press("ArrowDown");
      }
      assert.equal(await filter.getAttribute("aria-activedescendant"), await option.getAttribute("id"));
      await filter.press("Enter");
    };
    await filter.pressSequentially("algo");
    await take(/^params\.algorithm/);
    await take(/^= operator/);
    await take(/^'grpo' 4 runs/);
    assert.equal(await filter.inputValue(), "params.algorithm = 'grpo' ");
    await filter.press("Escape");
    await filter.press("Enter");
    await hasLines(page, 4);
  }));

flow("a filter that cannot be read is told what is wrong with it", () =>
  here.visit(
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

flow("runs are sorted by a metric and grouped by a param", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await page.getByRole("button", { name: "eval/accuracy" }).click();
    await page.waitForFunction(() => document.querySelector("[role=grid] [aria-rowindex='2'] a")?.textContent === "run-0");
    await page.getByRole("combobox", { name: "Group runs" }).selectOption("params.algorithm");
    await page.getByRole("button", { name: /^grpo/ }).waitFor();
    await hasLines(page, 2);
  }));

flow("a reload and a shared link show the same view", () =>
  here.visit(inExperiment("?view=table&sort=metrics.train%2Floss&cols=%5B%22params.lr%22%5D"), async (page) => {
    const first = () => page.locator("[role=grid] [aria-rowindex='2'] a").textContent();
    await rows(page).nth(7).waitFor();
    await page.getByRole("checkbox", { name: "Select run-2" }).check();
    await page.getByRole("button", { name: "Make run-6 the baseline" }).click();
    await page.getByRole("button", { name: "Baseline; press to let it go" }).waitFor();
    const [address, top] = [page.url(), await first()];
    await page.reload();
    await rows(page).nth(7).waitFor();
    assert.equal(page.url(), address);
    assert.equal(await first(), top);
    assert.ok(await page.getByRole("checkbox", { name: "Select run-2" }).isChecked());
    await page.getByRole("button", { name: "Baseline; press to let it go" }).waitFor();
    assert.equal(await page.getByRole("columnheader").count(), 2);
  }));

flow("runs are found, marked and opened by keyboard alone", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await rows(page).nth(7).waitFor();
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement?.getAttribute("role") === "grid")) break;
    }
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await page.getByRole("toolbar", { name: "Selected runs" }).waitFor();
    await page.keyboard.press("c");
    await page.waitForURL(/\/compare/);
    await page.goBack();
    await rows(page).nth(7).waitFor();
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/runs\//);
  }));

flow("deleted runs go into the bin and come back", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await page.getByRole("checkbox", { name: "Select run-5" }).check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await hasLines(page, 7);
    await page.getByRole("button", { name: "Deleted runs" }).click();
    await page.getByRole("checkbox", { name: "Select run-5" }).check();
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByText("The bin is empty").first().waitFor();
    await page.getByRole("button", { name: "Leave the bin" }).click();
    await hasLines(page, 8);
  }));

flow("a column is picked and a baseline shows changes in per cent", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("searchbox", { name: "Find a column" }).fill("seed");
    await page.getByRole("checkbox", { name: "seed" }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Make run-6 the baseline" }).click();
    await page.getByText(/[+−]\d+(\.\d+)? %/).first().waitFor();
  }));

flow("the table is downloaded as CSV", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await rows(page).nth(7).waitFor();
    await page.getByRole("button", { name: "Download the runs" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: /This table/ }).click()]);
    assert.equal(file.suggestedFilename(), "sweep.csv");
  }));

flow("every run that matches is downloaded as Parquet and as CSV", () =>
  here.visit(inExperiment("?view=table&filter=params.algorithm%20%3D%20'grpo'"), async (page) => {
    await hasLines(page, 4);
    for (const [kind, magic] of [["Parquet", "PAR1"], ["CSV", "run_id"]]) {
      await page.getByRole("button", { name: "Download the runs" }).click();
      const item = page.getByRole("menuitem", { name: new RegExp(`Every matching run \\(${kind}`) });
      const [file] = await Promise.all([page.waitForEvent("download"), item.click()]);
      const content = await readFile(await file.path());
      assert.equal(content.subarray(0, magic.length).toString(), magic);
    }
  }));

flow("a view is saved under a name, opened by a colleague and removed", () =>
  here.visit(inExperiment("?filter=params.algorithm%20%3D%20'dpo'&smooth=0.6"), async (page) => {
    await hasLines(page, 4);
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("textbox", { name: "Name of the view" }).fill("weekly DPO");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("list", { name: "Saved views" }).getByText("weekly DPO").first().waitFor();
    await page.goto(here.url + inExperiment("?view=table"));
    await hasLines(page, 8);
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("button", { name: /^weekly DPO/ }).click();
    await hasLines(page, 4);
    assert.match(page.url(), /smooth=0.6/);
    assert.doesNotMatch(page.url(), /view=table/);
    await page.getByRole("button", { name: "Remove the view weekly DPO" }).click();
    await page.getByText("under a name that the whole workspace sees").first().waitFor();
  }));

flow("runs are tagged together", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await page.getByRole("checkbox", { name: "Select run-1" }).check();
    await page.getByRole("checkbox", { name: "Select run-2" }).check();
    await page.getByRole("button", { name: "Tag", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Tag 2 runs" });
    await dialog.getByLabel("Name").fill("kept");
    await dialog.getByLabel("Value").fill("yes");
    await dialog.getByRole("button", { name: "Set the tag" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.goto(`${here.url}${inExperiment("?view=table&filter=tags.kept%20%3D%20'yes'")}`);
    await hasLines(page, 2);
  }));
