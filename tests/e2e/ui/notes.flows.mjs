// What people write about runs, experiments and models, and what they take back.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { fill, flow, hasLines, rows, stage } from "./harness.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await fill(here.url);
  await here.call("POST", "/models/bot/versions", { run_id: data.ids[0], artifact_path: "adapter" });
});
after(() => here?.stop());

flow("a note about a run is written, kept and cannot act", () =>
  here.visit(`/runs/${data.ids[3]}`, async (page) => {
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("## Plan\n\n<img src=x onerror='window.pwned=1'>\n\n- lower beta");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("heading", { name: "Plan" }).waitFor();
    await page.reload();
    await page.getByText("lower beta").first().waitFor();
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("What was tried, what came of it").first().waitFor();
    const run = await here.call("GET", `/runs/${data.ids[3]}`);
    assert.equal(run.tags["mlflow.note.content"], undefined);
  }));

flow("a tag of a run is set and taken away, but not one that a client wrote", () =>
  here.visit(`/runs/${data.ids[4]}`, async (page) => {
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("textbox", { name: "Name of the tag" }).fill("stage");
    await page.getByRole("textbox", { name: "Value of the tag" }).fill("candidate");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    await page.getByText("candidate", { exact: true }).first().waitFor();
    assert.equal(await page.getByRole("button", { name: /Remove the tag mlflow/ }).count(), 0);
    await page.getByRole("button", { name: "Remove the tag stage" }).press("Enter");
    await page.getByRole("button", { name: "Remove the tag stage" }).waitFor({ state: "detached" });
  }));

flow("a deletion of runs is undone", () =>
  here.visit(`/experiments/${data.experiment}?view=table`, async (page) => {
    await rows(page).nth(7).waitFor();
    await page.getByRole("checkbox", { name: "Select run-1" }).check();
    await page.getByRole("checkbox", { name: "Select run-2" }).check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await hasLines(page, 6);
    await page.getByRole("button", { name: "Undo" }).click();
    await hasLines(page, 8);
    await page.getByRole("link", { name: "run-1", exact: true }).waitFor();
  }));

flow("an experiment is described, renamed and found by its description", () =>
  here.visit("/experiments", async (page) => {
    await page.getByRole("row").filter({ hasText: "sweep" }).hover();
    await page.getByRole("button", { name: "Rename or describe sweep" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("the sweep");
    await dialog.getByLabel("Description").fill("preference pairs of spring");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("searchbox", { name: "Find an experiment" }).fill("spring");
    await page.getByRole("cell", { name: /^the sweep/ }).waitFor();
    assert.equal(await page.getByRole("row").count(), 2);
  }));

flow("a model is described on its page", () =>
  here.visit("/models/bot", async (page) => {
    await page.getByRole("button", { name: "Write" }).click();
    await page.getByRole("textbox", { name: "Description" }).fill("Answers refunds.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Answers refunds.").first().waitFor();
    await page.goto(`${here.url}/models`);
    await page.getByText("Answers refunds.").first().waitFor();
  }));

flow("what is not there is told with a way on", () =>
  here.visit(
    `/runs/${"0".repeat(32)}`,
    async (page) => {
      const alert = page.getByRole("alert");
      await alert.getByText("does not exist").waitFor();
      await alert.getByText("another workspace").waitFor();
      assert.equal(await alert.getByRole("button", { name: "Try again" }).count(), 0);
    },
    { mayComplain: true },
  ));
