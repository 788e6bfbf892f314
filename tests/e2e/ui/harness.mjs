// A real server with real data and a real browser, for the flows beside this file.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
const require = createRequire(join(root, "ui/package.json"));
const { chromium } = require("playwright-core");
const axeSource = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const python = process.env.ASSAY_PYTHON ?? join(root, ".venv/bin/python");

/** How long anything may take on a loaded machine before it counts as not happening. */
export const PATIENCE_MS = 60_000;

const wanted = process.env.ASSAY_FLOWS ? new Set(JSON.parse(process.env.ASSAY_FLOWS)) : null;

/** A flow through the page; its name is a sentence. */
export function flow(name, story) {
  if (!wanted || wanted.has(name)) test(name, story);
}

/** A flow that takes minutes: run when it is asked for by name. */
export function slowFlow(name, story) {
  if (wanted?.has(name) || process.env.ASSAY_SLOW) test(name, story);
}

/** `assay serve` on a free port with an empty data folder. */
export async function startServer(...flags) {
  const data = await mkdtemp(join(tmpdir(), "assay-page-"));
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
  return { url, data, stop, token, pid: server.pid };
}

/** Runs `assay` with these words and answers what it printed; fails when it does. */
export async function assay(...words) {
  const child = spawn(python, ["-m", "assay", ...words], { cwd: root, env: { ...process.env, NO_COLOR: "1" } });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.on("exit", resolve));
  assert.equal(code, 0, `assay ${words.join(" ")}: ${said}`);
  return said;
}

/** Runs a Python program from its text. */
export async function runPython(text, ...words) {
  const child = spawn(python, ["-c", text, ...words], { cwd: root });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.on("exit", resolve));
  assert.equal(code, 0, said);
  return said;
}

export async function call(url, method, path, body, headers = {}) {
  const isRaw = typeof body === "string" || body instanceof Uint8Array || body === undefined;
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
  const open = async (url, { path = "/", theme = "light", width = 1440, height = 900, scale = 1 } = {}) => {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      deviceScaleFactor: scale,
    });
    const page = await context.newPage();
    const complaints = [];
    const foreign = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) foreign.push(request.url());
    });
    page.setDefaultTimeout(PATIENCE_MS);
    watchRequests(page);
    await page.goto(url + path);
    return { page, complaints, foreign, close: () => context.close() };
  };
  return { open, browser, close: () => browser.close() };
}

const inFlight = new WeakMap();

function watchRequests(page) {
  const open = new Set();
  inFlight.set(page, open);
  // A stream of events stays open by design.
  page.on("request", (request) => /\/(events|live)(\?|$)/.test(request.url()) || open.add(request));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => open.delete(request));
}

/** Waits until the page has what it asked for and has drawn it. */
export async function settled(page) {
  const open = inFlight.get(page);
  const deadline = Date.now() + PATIENCE_MS;
  let quiet = 0;
  while (quiet < 3) {
    assert.ok(Date.now() < deadline, `still waiting for ${[...open].map((each) => each.url())}`);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const isBusy = open.size > 0 || (await page.locator(".animate-pulse").count()) > 0;
    quiet = isBusy ? 0 : quiet + 1;
  }
}

/** What axe finds serious or critical. */
export async function violations(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((each) => each.impact === "serious" || each.impact === "critical")
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ")}`);
}

/** Server, browser and a `visit` that holds what is to hold on every page. Stopped when the file is done. */
export async function stage(...flags) {
  const server = await startServer(...flags);
  const browser = await startBrowser().catch(async (error) => {
    await server.stop();
    throw error;
  });
  /** Opens a page, follows the story, and holds that the browser had nothing to complain about. */
  const visit = async (path, story, options = {}) => {
    const { page, complaints, foreign, close } = await browser.open(server.url, { path, ...options });
    try {
      await story(page);
      assert.deepEqual(foreign, [], "no request leaves the origin");
      if (!options.mayComplain) assert.deepEqual(complaints, [], "no console errors");
      assert.equal(await page.evaluate(() => globalThis.pwned), undefined, "nothing of a run ever ran");
    } catch (error) {
      const text = await page.evaluate(() => document.body.innerText).catch(() => "");
      error.message += `\nat ${page.url()}\n${complaints.join("\n")}\n${text.slice(0, 1500)}`;
      error.stack = error.message;
      throw error;
    } finally {
      await close();
    }
  };
  const stop = async () => {
    await browser.close();
    await server.stop();
  };
  return { url: server.url, server, browser, visit, stop, call: (...words) => call(server.url, ...words) };
}

export const rows = (page) => page.getByRole("grid").locator("[aria-rowindex]:not([aria-rowindex='1'])");

/** Waits until the grid says that it has so many lines. */
export const hasLines = (page, count) =>
  page.waitForFunction(
    (wanted) => document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") === String(wanted + 1),
    count,
  );

const LINEAGE = { base_model: "tiny", data_version: `sha256:${"a".repeat(64)}` };
const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

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
      params: { lr: index % 2 ? "0.001" : "0.0001", algorithm: index < 4 ? "dpo" : "grpo", seed: `${index}`, ...LINEAGE },
      tags: { "mlflow.source.git.commit": "abc123", "mlflow.note.content": "**Note** <script>window.pwned=2</script> [x](javascript:window.pwned=3)" },
    });
    const points = [];
    for (let step = 0; step < 100; step += 1) {
      points.push(["train/loss", 1 / (step + 1) + index / 50, step, now - 60_000 + step * 100]);
      points.push(["eval/accuracy", 1 - 1 / (step + 2) - index / 100, step, now - 60_000 + step * 100]);
      points.push(["eval/reward", Math.sin(step / 9) - index / 100, step, now - 60_000 + step * 100]);
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
    "dot.png": Buffer.from(PICTURE, "base64"),
  };
  for (const [path, content] of Object.entries(files)) {
    for (const id of [ids[0], ids[7]]) {
      await call(url, "PUT", `/runs/${id}/files/${path}`, content, { "content-type": "application/octet-stream" });
    }
  }
  const table = { columns: ["prompt", "completion", "reward", "advantage"], data: [["2+2?", "4", 1, 0.5], ["2+2?", "<script>window.pwned=8</script>", 0, -0.5]] };
  await call(url, "POST", `/runs/${ids[0]}/records`, { records: [
    { key: "completions", step: 3, kind: "table", timestamp_ms: now, payload: JSON.stringify(table) },
    { key: "attention", step: 3, kind: "image", timestamp_ms: now, payload_base64: PICTURE },
    { key: "rendered", step: 3, kind: "html", timestamp_ms: now, payload: "<h1>Rendered</h1><script>top.pwned=9;parent.pwned=9</script><img src=x onerror='top.pwned=10'>" },
  ] });
  return { experiment: experiment_id, ids };
}
