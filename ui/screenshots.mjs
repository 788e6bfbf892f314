// The pictures in the documents: `make screenshots`. The demo makes the data, a real browser draws it.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, root, settled, startBrowser } from "../tests/e2e/ui/harness.mjs";

const folder = join(root, "docs/images");
const python = process.env.ASSAY_PYTHON ?? join(root, ".venv/bin/python");
const MOST_BYTES = 300_000;

/** A server with the demo's data: one that is up already (ASSAY_URL), or the demo's own, kept until `stop`. */
async function startDemo() {
  if (process.env.ASSAY_URL) return { url: process.env.ASSAY_URL, stop: async () => {} };
  const data = await mkdtemp(join(tmpdir(), "assay-pictures-"));
  const words = ["-m", "assay", "demo", "--keep", "--port", "0", "--data", join(data, "demo")];
  const demo = spawn(python, words, { cwd: data });
  const ended = new Promise((resolve) => demo.on("exit", resolve));
  const stop = async () => {
    demo.kill("SIGINT");
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      said += chunk;
      const server = /Server: (http:\/\/\S+)/.exec(said);
      if (server && /until Ctrl-C/.test(said)) resolve(server[1]);
    };
    demo.stdout.on("data", read);
    demo.stderr.on("data", read);
    demo.on("exit", () => reject(new Error(said)));
  });
  return { url, stop };
}

const demo = await startDemo();
const browser = await startBrowser();
try {
  await mkdir(folder, { recursive: true });
  const { experiments } = await call(demo.url, "POST", "/experiments/search", {});
  const sweep = experiments.find((each) => each.name === "digits-sweep").experiment_id;
  const { runs } = await call(demo.url, "POST", "/runs/search", { experiment_ids: [sweep] });
  const ids = JSON.stringify(runs.slice(0, 6).map((run) => run.run_id));
  const promote = async (page) => {
    await page.getByRole("button", { name: "Promote version 3" }).click();
    await page.getByRole("region", { name: "Decision" }).waitFor();
  };
  const verify = async (page) => {
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("Intact", { exact: true }).waitFor();
  };
  const pictures = [
    ["runs", `/experiments/${sweep}?charts=%2Feval%7Closs%7Cgrad%2F&smooth=0.4`],
    ["run", `/runs/${runs[0].run_id}`],
    ["compare", `/compare?runs=${encodeURIComponent(ids)}&tab=parallel`],
    ["promote", "/models/digits", promote],
    ["lineage", "/models/digits/versions/1?tab=lineage"],
    ["ledger", "/ledger", verify],
  ];
  for (const theme of ["light", "dark"]) {
    for (const [name, path, act] of pictures) {
      const { page, close } = await browser.open(demo.url, { path, theme, width: 1360, height: 820 });
      await settled(page);
      await act?.(page);
      await settled(page);
      // Whatever moves has arrived: dialogs and tooltips take less than this.
      await page.waitForFunction(() => document.getAnimations().every((each) => each.playState !== "running"));
      const file = join(folder, `${name}-${theme}.png`);
      await page.screenshot({ path: file });
      const { size } = await stat(file);
      if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes, and ${MOST_BYTES} are allowed`);
      console.log(`${name}-${theme}.png  ${(size / 1000).toFixed(0)} kB`);
      await close();
    }
  }
} finally {
  await browser.close();
  await demo.stop();
}
