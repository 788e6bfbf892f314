// A real server with real data and a real browser, for the flows beside this file.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const require = createRequire(join(root, "ui/package.json"));
const { chromium } = require("playwright-core");
const axeSource = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

/** `assay serve` on a free port with an empty data folder. */
export async function startServer(...flags) {
  const data = await mkdtemp(join(tmpdir(), "assay-page-"));
  const python = process.env.ASSAY_PYTHON ?? join(root, ".venv/bin/python");
  const server = spawn(python, ["-m", "assay", "serve", "--port", "0", "--data", data, ...flags], { cwd: root });
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      said += chunk;
      const found = /ready at (http:\/\/\S+)/.exec(said);
      if (found) resolve(found[1]);
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  const stop = async () => {
    const ended = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGTERM");
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  const token = (name) => readFile(join(data, `${name}.token`), "utf8").then((text) => text.trim());
  return { url, stop, token };
}

export async function call(url, method, path, body, headers = {}) {
  const isRaw = typeof body === "string" || body === undefined;
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: isRaw ? headers : { "content-type": "application/json", ...headers },
    body: isRaw ? body : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A browser whose pages report what they complained about and whom they asked. */
export async function startBrowser() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const open = async (url, { path = "/", theme = "light", width = 1440, height = 900 } = {}) => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
    const page = await context.newPage();
    const complaints = [];
    const foreign = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) foreign.push(request.url());
    });
    page.setDefaultTimeout(20_000);
    await page.goto(url + path);
    return { page, complaints, foreign, close: () => context.close() };
  };
  return { open, close: () => browser.close() };
}

/** What axe finds serious or critical. */
export async function violations(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((each) => each.impact === "serious" || each.impact === "critical")
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ")}`);
}

/** An experiment of eight runs with curves, files, samples and scores on two suites; one has a hostile name. */
export async function fill(url) {
  const now = Date.now();
  const { experiment_id } = await call(url, "POST", "/experiments", { name: "sweep" });
  const ids = [];
  for (let index = 0; index < 8; index += 1) {
    const hostile = index === 7;
    const name = hostile ? '<img src=x onerror="window.pwned=1">' : `run-${index}`;
    const run = await call(url, "POST", "/runs", {
      experiment_id,
      name,
      started_at_ms: now - (8 - index) * 60_000,
      params: { lr: index % 2 ? "0.001" : "0.0001", algorithm: index < 4 ? "dpo" : "grpo", base_model: "tiny", data_version: "sha256:aa", seed: `${index}` },
      tags: { "mlflow.source.git.commit": "abc123", "mlflow.note.content": "**Note** <script>window.pwned=2</script> [x](javascript:window.pwned=3)" },
    });
    const points = [];
    for (let step = 0; step < 100; step += 1) {
      points.push(["train/loss", 1 / (step + 1) + index / 50, step, now - 60_000 + step * 100]);
      points.push(["eval/accuracy", 1 - 1 / (step + 2) - index / 100, step, now - 60_000 + step * 100]);
    }
    await call(url, "POST", `/runs/${run.run_id}/batch`, { points });
    await call(url, "POST", `/runs/${run.run_id}/evals`, { suite: `exam@${(index < 6 ? "a" : "b").repeat(64)}`, metrics: { accuracy: 0.5 + index / 100 }, items: 10 });
    await call(url, "PATCH", `/runs/${run.run_id}`, { status: "finished", ended_at_ms: now });
    ids.push(run.run_id);
  }
  const files = {
    "adapter/config.json": '{"r": 16}',
    "report.html": "<script>window.pwned=4; parent.pwned=5</script>",
    "plot.svg": '<svg xmlns="http://www.w3.org/2000/svg"><script>window.pwned=6</script><rect width="9" height="9"/></svg>',
    "notes.md": "# Title\n\n<script>window.pwned=7</script>",
    "rows.csv": "a,b\n1,<b>x</b>\n",
  };
  for (const [path, text] of Object.entries(files)) {
    await call(url, "PUT", `/runs/${ids[7]}/files/${path}`, text, { "content-type": "application/octet-stream" });
    await call(url, "PUT", `/runs/${ids[0]}/files/${path}`, text, { "content-type": "application/octet-stream" });
  }
  const table = { columns: ["prompt", "completion", "reward", "advantage"], data: [["2+2?", "4", 1, 0.5], ["2+2?", "<script>window.pwned=8</script>", 0, -0.5]] };
  await call(url, "POST", `/runs/${ids[0]}/records`, { records: [{ key: "completions", step: 3, kind: "table", timestamp_ms: now, payload: JSON.stringify(table) }] });
  return { experiment: experiment_id, ids };
}
