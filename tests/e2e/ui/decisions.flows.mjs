// What release owners do: see what would be decided, and decide.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { flow, settled, stage } from "./harness.mjs";
import { furnish } from "./places.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await furnish(here.url);
});
after(() => here?.stop());

flow("a run is registered and its page names the version", () =>
  here.visit(`/runs/${data.ids[0]}`, async (page) => {
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByLabel("Model").fill("newbot");
    await page.getByRole("button", { name: "Register a version" }).click();
    await page.waitForURL(/\/models\/newbot\/versions\/1/);
    await page.getByRole("heading", { name: "Version 1" }).waitFor();
    await page.goto(`${here.url}/runs/${data.ids[0]}`);
    await page.getByRole("link", { name: /newbot/ }).waitFor();
  }));

flow("without a gate a promotion is held and the button says so", () =>
  here.visit("/models/bot", async (page) => {
    await page.getByRole("button", { name: /^Promote v1/ }).click();
    await page.getByText("Held", { exact: true }).first().waitFor();
    await page.getByText(/no gate/i).first().waitFor();
    assert.ok(await page.getByRole("button", { name: "Promote version 1" }).last().isDisabled());
  }));

flow("quarantine asks why, and is lifted with a reason", () =>
  here.visit("/models/bot/versions/1", async (page) => {
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

flow("a version shows manifest, lineage and how to serve it", () =>
  here.visit("/models/bot/versions/1", async (page) => {
    const part = (name) => page.getByRole("navigation", { name: "Parts of the version" }).getByRole("link", { name }).click();
    await part(/Lineage/);
    await settled(page);
    await part(/Files/);
    await page.getByText("config.json").first().waitFor();
    await part(/Serve/);
    await page.getByText(/vllm/i).first().waitFor();
  }));

flow("a webhook is made, its secret is shown once, and it is turned off", () =>
  here.visit("/settings?tab=webhooks", async (page) => {
    await page.getByRole("button", { name: "New webhook" }).click();
    await page.getByLabel("Name").fill("release-chat");
    await page.getByLabel("Address").fill("https://hooks.example.org/assay");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "Copy the secret now" }).waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("cell", { name: /release-chat/ }).waitFor();
    await page.getByRole("button", { name: "Turn off" }).click();
    await page.getByText("Off", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByText("Nobody is told").first().waitFor();
  }));

flow("the ledger is searched and verified", () =>
  here.visit("/ledger", async (page) => {
    await page.getByText("version.registered").first().waitFor();
    const action = page.getByRole("textbox", { name: "Action" });
    await action.fill("version.registered");
    await action.press("Enter");
    await page.waitForURL(/action=/);
    await page.getByText("version.registered").first().waitFor();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("Intact", { exact: true }).first().waitFor();
  }));
