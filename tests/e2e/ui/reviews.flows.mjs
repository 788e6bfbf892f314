// Decisions that need more than one person: approvals, freezes, and the glass that two may break.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { assay, call, flow, stage } from "./harness.mjs";

const LINEAGE = { base_model: "tiny", data_version: `sha256:${"a".repeat(64)}`, seed: "1", lr: "1e-5" };
const PEOPLE = { ann: ["maintainer"], bob: ["maintainer"], eve: ["admin", "maintainer"] };
const SUITE = `
name = "numbers"

[harness]
name = "numbers-exam"
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
known = json.loads((given.candidate / "known.json").read_text())
with given.items.open() as items, given.out.open("w") as out:
    for item in map(json.loads, items):
        out.write(json.dumps({"item_id": item["id"], "metrics": {"accuracy": int(int(item["id"]) < known)}}) + "\\n")
`;

let here;
let folder;
const tokens = {};
const as = (who) => ({ authorization: `Bearer ${tokens[who]}` });

/** A command as somebody. */
const tell = async (who, ...words) => {
  process.env.ASSAY_TOKEN = tokens[who];
  try {
    return await assay(...words, "--url", here.url);
  } finally {
    delete process.env.ASSAY_TOKEN;
  }
};

/** A version of the model, of a run of its own, and its number. */
const register = async (known) => {
  const { experiment_id } = await here.call("POST", "/experiments", { name: `knows-${known}` }, as("ann"));
  const { run_id } = await here.call(
    "POST",
    "/runs",
    { experiment_id, name: `knows-${known}`, params: { ...LINEAGE, known: `${known}` }, tags: { "mlflow.source.git.commit": "c".repeat(40) } },
    as("ann"),
  );
  const file = { "content-type": "application/octet-stream", ...as("ann") };
  await here.call("PUT", `/runs/${run_id}/files/model/known.json`, `${known}`, file);
  return (await here.call("POST", "/models/bot/versions", { run_id, artifact_path: "model" }, as("ann"))).version;
};

before(async () => {
  here = await stage("--auth");
  folder = await mkdtemp(join(tmpdir(), "assay-suite-"));
  tokens.admin = await here.server.token("admin");
  for (const [name, roles] of Object.entries(PEOPLE)) {
    await here.call("POST", "/principals", { name, roles: { "*": roles } }, as("admin"));
    tokens[name] = (await here.call("POST", "/tokens", { principal: name }, as("admin"))).token;
  }
  const items = Array.from({ length: 8 }, (_, id) => JSON.stringify({ id: `${id}`, input: "?", reference: "!" }));
  await Promise.all([
    writeFile(join(folder, "suite.toml"), SUITE),
    writeFile(join(folder, "items.jsonl"), `${items.join("\n")}\n`),
    writeFile(join(folder, "scorer.py"), SCORER),
  ]);
  // The gate is the admin's, so that eve, who is another person, may agree to promotions under it.
  await tell("admin", "gates", "create", "exam", "--suite", folder, "--threshold", "0.5", "--approvals", "1");
  for (const known of [5, 8]) {
    const version = await register(known);
    await here.call("POST", "/gate-runs", { model: "bot", version }, as("ann"));
  }
  process.env.ASSAY_TOKEN = await here.server.token("gate-runner");
  try {
    await assay("gate-runner", "--until-idle", "--unsandboxed", "--data", here.server.data, "--url", here.url);
  } finally {
    delete process.env.ASSAY_TOKEN;
  }
});
after(async () => {
  await here?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);

/** Opens a page as somebody. A refusal that is shown is repeated by the browser's console. */
const visitAs = (who, path, story) =>
  here.visit(
    path,
    async (page) => {
      await page.getByLabel("API token").fill(tokens[who]);
      await page.getByRole("button", { name: "Sign in" }).click();
      await story(page);
    },
    { mayComplain: true },
  );

flow("a promotion waits for another person, who agrees, takes it back and agrees again", async () => {
  await visitAs("ann", "/models/bot", async (page) => {
    await page.getByRole("button", { name: "Promote version 1" }).click();
    const approvals = page.getByRole("region", { name: "Approvals" });
    await approvals.getByText("0 of 1").first().waitFor();
    await approvals.getByText(/Yours would not count/).first().waitFor();
    assert.equal(await approvals.getByRole("button", { name: "Approve" }).count(), 0);
  });
  await visitAs("bob", "/models/bot", async (page) => {
    await page.getByRole("button", { name: "Promote version 1" }).click();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("1 of 1").first().waitFor();
    await page.getByRole("button", { name: "Withdraw" }).click();
    await page.getByText("0 of 1").first().waitFor();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("1 of 1").first().waitFor();
  });
  await visitAs("ann", "/models/bot", async (page) => {
    await page.getByRole("button", { name: "Promote version 1" }).click();
    await page.getByText("It would be promoted").first().waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Promote version 1" }).click();
    await page.getByText("holds production since").first().waitFor();
  });
});

flow("promotions are frozen in the settings, held with the time of its end, and freed again", () =>
  visitAs("ann", "/settings?tab=gates", async (page) => {
    await page.getByRole("button", { name: "Freeze promotions" }).click();
    await page.getByRole("dialog").getByLabel("Until").fill(tomorrow());
    await page.getByRole("dialog").getByLabel("Why").fill("launch week");
    await page.getByRole("button", { name: "Freeze", exact: true }).click();
    await page.getByText("Frozen now").first().waitFor();
    await page.getByRole("link", { name: "Models", exact: true }).click();
    await page.getByRole("link", { name: "bot" }).first().click();
    await page.getByRole("region", { name: "Freeze" }).getByText(/launch week/).first().waitFor();
    await page.getByRole("button", { name: "Promote version 2" }).click();
    const paired = page.getByRole("region", { name: "Paired test" });
    await paired.getByText("3 better").first().waitFor();
    await paired.getByText(/of 8 items/).first().waitFor();
    await page.getByRole("region", { name: "Decision" }).getByText(/frozen|freeze/i).first().waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("link", { name: "Freeze windows" }).click();
    await page.getByRole("button", { name: "Lift" }).click();
    await page.getByText("Lifted", { exact: true }).first().waitFor();
  }));

flow("the glass is broken by two people, in red, and the history says so", async () => {
  await visitAs("eve", "/models/bot", async (page) => {
    await page.getByRole("button", { name: "Promote version 2" }).click();
    await page.getByRole("button", { name: "Break the glass" }).click();
    await page.getByLabel("Why it cannot wait").fill("the champion leaks addresses");
    await page.getByRole("button", { name: "Ask for it" }).click();
    const request = page.getByRole("region", { name: "Break-glass request" });
    await request.getByText("Somebody else must confirm it.").first().waitFor();
    assert.equal(await request.getByRole("button", { name: /^Confirm/ }).count(), 0);
  });
  await visitAs("bob", "/", async (page) => {
    await page.getByRole("link", { name: /bot v2 past its gate/ }).click();
    const request = page.getByRole("region", { name: "Break-glass request" });
    await request.getByText("the champion leaks addresses").first().waitFor();
    await request.getByRole("button", { name: "Confirm and move production" }).click();
    await page.getByText(/Glass broken for/).first().waitFor();
    await page.getByText("Past the gate, by two people.").first().waitFor();
    await page.getByRole("link", { name: "Ledger" }).click();
    await page.getByText("Asked to break the glass").first().waitFor();
    await page.getByRole("textbox", { name: "Anywhere" }).fill("leaks addresses");
    await page.getByRole("textbox", { name: "Anywhere" }).press("Enter");
    await page.waitForURL(/text=leaks/);
    await page.getByText("version.registered").first().waitFor({ state: "detached" });
    await page.getByText("Asked to break the glass").first().waitFor();
  });
});

flow("what a version was made from is looked at, and its papers are taken along", () =>
  visitAs("ann", "/models/bot/versions/1", async (page) => {
    await page.getByText("Nobody has looked yet").or(page.getByText("Fingerprint", { exact: true })).first().waitFor();
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText(/just now|second/).first().waitFor();
    for (const [format, name] of [["SLSA provenance", /slsa|intoto|json/i], ["Model card", /md|card/i]]) {
      await page.getByRole("button", { name: "Provenance" }).click();
      const download = page.waitForEvent("download");
      await page.getByRole("menuitem", { name: format }).click();
      assert.match((await download).suggestedFilename(), name);
    }
  }));

flow("a checkpoint is made and its signed note is kept elsewhere", () =>
  visitAs("eve", "/ledger", async (page) => {
    await page.getByRole("button", { name: "Make one now" }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /^Download the note/ }).first().click();
    assert.match((await download).suggestedFilename(), /^checkpoint-.*\.txt$/);
  }));

flow("policies of a workspace are changed: verdicts, keys, references, sources and detectors", () =>
  visitAs("eve", "/settings?tab=gates", async (page) => {
    await page.getByRole("button", { name: "Required" }).click();
    await page.getByText(/only with a valid signature/).first().waitFor();
    await page.getByRole("button", { name: "Not needed" }).click();
    await page.getByText(/count without a signature/).first().waitFor();
    await page.getByRole("button", { name: "Register a key" }).click();
    await page.getByLabel("Public key").fill("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    await page.getByLabel("Runner").fill("gate-runner");
    await page.getByRole("button", { name: "Register", exact: true }).click();
    await page.getByText("active", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByText("revoked", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: "Workspaces" }).click();
    await page.getByLabel("Closure at promotion").getByRole("button", { name: "Require" }).click();
    await page.getByText(/cannot be shown to be still there/).first().waitFor();
    await page.getByRole("link", { name: "Lineage and health" }).click();
    await page.getByRole("button", { name: "Add a source" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("data");
    await page.getByRole("dialog").getByLabel("Kind").selectOption("s3");
    await page.getByRole("dialog").getByLabel("Where").fill("s3://training-data");
    await page.getByRole("button", { name: "Add it" }).click();
    await page.getByRole("cell", { name: "data", exact: true }).or(page.getByRole("alert")).first().waitFor();
    if (await page.getByRole("alert").count()) await page.getByRole("button", { name: "Close" }).click();
    await page.getByLabel("entropy ratio").fill("0.3");
    await page.getByRole("button", { name: "Save" }).last().click();
    await page.getByText(/look anew/).first().waitFor();
    const { thresholds } = await call(here.url, "GET", "/workspaces/default/health-thresholds", undefined, as("eve"));
    assert.equal(thresholds.entropy_ratio, 0.3);
  }));

flow("an alias that somebody holds unexamined is protected with a reason, or not at all", () =>
  visitAs("eve", "/settings", async (page) => {
    const version = await register(3);
    await here.call("PUT", "/models/bot/aliases/stable", { version }, as("ann"));
    await page.getByRole("button", { name: "Protect an alias" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Alias").fill("stable");
    await dialog.getByRole("button", { name: "Protect" }).click();
    await dialog.getByText(/Have it examined and pass/).waitFor();
    await dialog.getByLabel("Reason").fill("served since spring");
    await dialog.getByRole("button", { name: "Protect" }).click();
    await page.getByRole("button", { name: "Stop protecting stable" }).waitFor();
    const { policy } = await call(here.url, "GET", "/workspaces/default", undefined, as("eve"));
    assert.ok(policy.protected.includes("stable"));
  }));
