// Runs that the unmodified wandb client wrote: its addresses, media, tables, histograms, console and machine.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { assay, flow, runPython, settled, stage, violations } from "./harness.mjs";

const PROGRAM = `
import os, sys, wave
import numpy as np
import wandb

os.chdir(sys.argv[2])
os.environ.update(WANDB_BASE_URL=sys.argv[1], WANDB_API_KEY="x" * 40, WANDB_SILENT="true", WANDB_DIR=sys.argv[2])
with wave.open("tone.wav", "wb") as tone:
    tone.setparams((1, 2, 8000, 0, "NONE", ""))
    tone.writeframes((np.sin(np.arange(4000) / 8) * 9000).astype("<i2").tobytes())
config = {"base": "Qwen/Qwen3-8B", "lr": 2e-5, "dataset_version": "d", "seed": 1, "code_commit": "a" * 40}
settings = wandb.Settings(x_stats_sampling_interval=0.1)
with wandb.init(project="post-training", name="sft", config=config, settings=settings) as run:
    random = np.random.RandomState(3)
    print("hello from the run")
    for step in range(12):
        row = {"train/loss": 1 / (step + 1), "weights": wandb.Histogram(random.randn(200) + step / 4)}
        if step % 6 == 0:
            row["picture"] = wandb.Image((random.rand(24, 36, 3) * 255).astype("uint8"), caption=f"seen at {step}")
            row["several"] = [wandb.Image((random.rand(9, 9, 3) * 255).astype("uint8")) for _ in range(2)]
        run.log(row)
    print("\\x1b[31mred ink\\x1b[0m", file=sys.stderr)
    asked = wandb.Table(columns=["prompt", "completion", "reward"], data=[["2+2?", "4", 1.0], ["2+2?", "<script>window.pwned=1</script>", 0.0]])
    picture = lambda caption: wandb.Image((random.rand(24, 36, 3) * 255).astype("uint8"), caption=caption)
    page = wandb.Html("<h1>Rendered</h1><script>top.pwned=2</script>")
    run.log({"completions": asked, "page": page, "tone": wandb.Audio("tone.wav", caption="a tone")})
    for id in (1, 2):
        row = [id, picture(f"drawn {id}"), wandb.Audio("tone.wav"), wandb.Html("<h1>Cell</h1><script>top.pwned=3</script>"), [picture("left"), picture("right")]]
        run.log({"seen": wandb.Table(columns=["id", "drawn", "said", "shown", "pair"], data=[row, [id + 10, None, None, None, None]])})
    mix = wandb.Artifact("sft-mix", type="dataset", metadata={"rows": 2})
    with mix.new_file("rows.csv") as file:
        file.write("a,b\\n1,2\\n")
    run.log_artifact(mix).wait()
    answers = wandb.Artifact("answers", type="model")
    with answers.new_file("answers.json") as file:
        file.write("{}")
    run.link_artifact(run.log_artifact(answers).wait(), "wandb-registry-model/capitals", aliases=["candidate"])
    name = run.id
with wandb.init(project="post-training", name="reader") as second:
    second.use_artifact("sft-mix:latest")
print("RUN=" + name)
`;

let here;
let folder;
let run;

before(async () => {
  here = await stage();
  folder = await mkdtemp(join(tmpdir(), "assay-wandb-"));
  const said = await runPython(PROGRAM, here.url, folder);
  run = /RUN=(\S+)/.exec(said)[1];
});
after(async () => {
  await here?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const choose = async (page, key) => {
  await page.getByLabel("Which samples").selectOption(key);
  await settled(page);
};

flow("addresses that the wandb client prints lead to the run, its project and its artifact", () =>
  here.visit(`/default/post-training/runs/${run}`, async (page) => {
    await page.getByRole("heading", { name: "sft" }).waitFor();
    assert.match(page.url(), /\/runs\/[0-9a-z]+$/);
    await page.goto(`${here.url}/default/post-training/runs/${run}/logs`);
    await page.getByText("hello from the run").first().waitFor();
    await page.goto(`${here.url}/default/post-training`);
    await page.waitForURL(/\/experiments\/\d+/);
    await page.goto(`${here.url}/default/post-training/artifacts/dataset/sft-mix/v0`);
    await page.getByRole("heading", { name: "sft-mix" }).waitFor();
  }));

flow("pictures, sounds, tables, pages and histograms of a wandb run are seen, and none of them acts", () =>
  here.visit(`/default/post-training/runs/${run}`, async (page) => {
    await page.getByRole("link", { name: "Samples" }).click();
    await page.getByLabel("Which samples").waitFor();
    await choose(page, "picture");
    await page.getByRole("img", { name: "seen at 6" }).waitFor();
    await page.getByRole("button", { name: "Earlier" }).click();
    await page.getByRole("img", { name: "seen at 0" }).waitFor();
    await choose(page, "several");
    assert.equal(await page.getByRole("figure").getByRole("img").count(), 2);
    await choose(page, "tone");
    await page.getByLabel("a tone").waitFor();
    await choose(page, "completions");
    await page.getByText("2 completions").first().waitFor();
    await page.getByText("<script>window.pwned=1</script>").first().waitFor();
    await choose(page, "weights");
    const steps = page.getByRole("img", { name: "Histograms of 12 steps" });
    await steps.click({ position: { x: 5, y: 50 } });
    await page.getByText("Step 0: 200 values").first().waitFor();
    await choose(page, "page");
    await page.getByRole("button").filter({ hasText: /draw|frame|show/i }).first().click();
    await page.waitForFunction(() => document.querySelector("iframe"));
  }));

flow("cells of a wandb table show their pictures and sounds, each step its own, and pages act nowhere", () =>
  here.visit(`/default/post-training/runs/${run}`, async (page) => {
    await page.getByRole("link", { name: "Samples" }).click();
    await page.getByLabel("Which samples").waitFor();
    await choose(page, "seen");
    const grid = page.getByRole("grid", { name: "Rows of the table" });
    await grid.getByRole("img", { name: "drawn 2" }).waitFor();
    await grid.getByRole("img", { name: "right" }).waitFor();
    await grid.getByRole("button", { name: "Play tone.wav" }).waitFor();
    await grid.getByText("0.5 s").waitFor();
    await page.getByRole("button", { name: "Earlier" }).click();
    await grid.getByRole("img", { name: "drawn 1" }).waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
    await grid.getByRole("img", { name: "drawn 1" }).click();
    await page.getByRole("dialog").getByRole("img", { name: "drawn 1" }).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await grid.getByRole("gridcell", { name: "HTML page" }).click();
    await page.getByText("HTML, shown as its source.").waitFor();
    await page.getByRole("button", { name: "Draw it" }).click();
    await page.frameLocator("iframe").getByRole("heading", { name: "Cell" }).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: /^run-.*-seen:v0$/ }).click();
    await page.getByRole("button", { name: "seen.table.json" }).click();
    await grid.getByRole("img", { name: "drawn 1" }).waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
  }));

flow("what a wandb run printed and measured of its machine is read", () =>
  here.visit(`/default/post-training/runs/${run}/logs`, async (page) => {
    await page.getByText("red ink", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: /^System/ }).click();
    await settled(page);
    await page.getByRole("button", { name: /^(cpu|memory|proc|disk|network)/ }).first().waitFor();
  }));

flow("a collection shows its versions, its files, who logged it and who used it", () =>
  here.visit("/collections", async (page) => {
    await page.getByRole("button", { name: "dataset" }).click();
    await page.getByRole("link", { name: "sft-mix" }).click();
    await page.getByText("latest").first().waitFor();
    await page.getByRole("link", { name: "reader" }).waitFor();
    await page.getByRole("button", { name: "rows.csv" }).click();
    await page.getByRole("gridcell", { name: "2", exact: true }).waitFor();
    await page.getByRole("link", { name: "sft", exact: true }).click();
    await page.getByText("Inputs and outputs").first().waitFor();
    await page.getByRole("link", { name: "sft-mix:v0" }).waitFor();
  }));

flow("a version that wandb linked leads to its collection and back, with its signature and what is claimed of it", async () => {
  const version = "/models/capitals/versions/1";
  const key = join(folder, "signer.pem");
  const copy = join(folder, "copy");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  await writeFile(key, privateKey.export({ type: "sec1", format: "pem" }));
  await assay("models", "download", "capitals/1", copy, "--url", here.url);
  await assay("provenance", "sign", "capitals/1", copy, "--private-key", key, "--url", here.url);
  await here.call("POST", `/runs/${run}/evals`, { suite: `exam@${"a".repeat(64)}`, metrics: { accuracy: 0.75 }, items: 8 });
  await here.call("POST", "/claims", { name: "again", model: "capitals", version: 1, tolerances: { accuracy: { absolute: 0.01 } } });
  await here.visit(version, async (page) => {
    await page.getByText("OpenSSF model signing").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the signature" }).click();
    assert.equal((await download).suggestedFilename(), "capitals-v1.sig");
    await page.getByRole("heading", { name: "Claims that it can be made again" }).waitFor();
    await page.getByText("assay repro check --claim again --candidate RUN_ID").waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
    await page.getByRole("link", { name: "answers:v0" }).click();
    await page.getByRole("heading", { name: "answers" }).waitFor();
    await page.getByRole("link", { name: "capitals v1" }).click();
    await page.waitForURL(new RegExp(`${version}$`));
    await page.getByRole("heading", { name: "Version 1" }).waitFor();
  });
});
