// How fast the page is: `make bench-ui`. Runs a server with real data and measures in a real browser.
import { gzipSync } from "node:zlib";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { call, root, runPython, settled, startBrowser, startServer } from "../tests/e2e/ui/harness.mjs";

const RUNS = 10_000;
const CHARTS = 100;
const CURVES = 20;
const SECONDS = 4;

const page = join(root, "src/assay/server/page");

/** Compressed size of what has to come before anything is shown, and of everything. */
async function scriptSizes() {
  const html = await readFile(join(page, "index.html"), "utf8");
  const initial = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)].map((found) => found[1]);
  const size = async (path) => gzipSync(await readFile(path)).length;
  let first = 0;
  for (const path of initial.filter((each) => each.endsWith(".js"))) first += await size(join(page, path));
  let all = 0;
  for (const name of await readdir(join(page, "assets"))) if (name.endsWith(".js")) all += await size(join(page, "assets", name));
  return { first, all };
}

async function manyRuns(url) {
  const { experiment_id } = await call(url, "POST", "/experiments", { name: "ten thousand" });
  const seed = `
import sys
from concurrent.futures import ThreadPoolExecutor
import httpx2
url, experiment, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = httpx2.Client(base_url=url + "/api/v1", timeout=120)
def make(number):
    run = client.post("/runs", json={"experiment_id": experiment, "name": f"run-{number}", "params": {"lr": str(number % 7), "seed": str(number), "algorithm": "grpo"}}).json()
    points = [[key, (number % 97) / 97, 1, 1000 + number] for key in ("eval/accuracy", "train/loss", "train/kl")]
    client.post(f"/runs/{run['run_id']}/batch", json={"points": points}).raise_for_status()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(make, range(count)))
`;
  await runPython(seed, url, experiment_id, String(RUNS));
  return experiment_id;
}

async function manyCharts(url) {
  const { experiment_id } = await call(url, "POST", "/experiments", { name: "hundred charts" });
  for (let number = 0; number < CURVES; number += 1) {
    const { run_id } = await call(url, "POST", "/runs", { experiment_id, name: `run-${number}` });
    const points = [];
    for (let chart = 0; chart < CHARTS; chart += 1) {
      for (let step = 0; step < 300; step += 1) points.push([`train/metric-${chart}`, Math.sin(step / (9 + chart)) + number / 9, step, step]);
    }
    for (let at = 0; at < points.length; at += 10_000) await call(url, "POST", `/runs/${run_id}/batch`, { points: points.slice(at, at + 10_000) });
    await call(url, "PATCH", `/runs/${run_id}`, { status: "finished" });
  }
  return experiment_id;
}

/** Frames a second while `act(share)` is called before every frame, with the longest frame. */
const frames = (tab, act) =>
  tab.evaluate(
    async ([seconds, source]) => {
      const step = new Function("share", source);
      const began = performance.now();
      let [count, last, longest] = [0, began, 0];
      while (performance.now() - began < seconds * 1000) {
        step((performance.now() - began) / (seconds * 1000));
        const now = await new Promise(requestAnimationFrame);
        longest = Math.max(longest, now - last);
        last = now;
        count += 1;
      }
      return { fps: (count * 1000) / (performance.now() - began), longestMs: longest };
    },
    [SECONDS, act],
  );

const told = ({ fps, longestMs }) => `${fps.toFixed(1)} frames/s (longest ${longestMs.toFixed(0)} ms)`;
const say = (what, value, goal) => console.log(`${what.padEnd(58)} ${String(value).padEnd(34)} goal ${goal}`);

const server = await startServer();
const browser = await startBrowser();
try {
  const sizes = await scriptSizes();
  say("initial JavaScript, compressed", `${(sizes.first / 1000).toFixed(0)} kB of ${(sizes.all / 1000).toFixed(0)} kB`, "<= 300 kB");

  const [runs, charts] = [await manyRuns(server.url), await manyCharts(server.url)];
  const { page: tab, close } = await browser.open(server.url, { width: 1440, height: 900 });
  await settled(tab);
  const paints = [];
  for (let round = 0; round < 5; round += 1) {
    await tab.goto("about:blank");
    const began = Date.now();
    await tab.goto(`${server.url}/experiments/${runs}?view=table`, { waitUntil: "commit" });
    await tab.locator("[role=grid] [aria-rowindex='2']").waitFor();
    paints.push(Date.now() - began);
  }
  paints.sort((a, b) => a - b);
  say(`first rows of ${RUNS.toLocaleString("en-US")} runs, median of 5`, `${paints[2]} ms`, "<= 1000 ms");
  await settled(tab);
  const scroll = await frames(tab, "const g = document.querySelector('[role=grid]'); g.scrollTop += 120 * (share < 0.5 ? 1 : -1);");
  say("scrolling the table", told(scroll), ">= 50");

  await tab.goto(`${server.url}/experiments/${charts}?view=charts&show=${encodeURIComponent(JSON.stringify((await call(server.url, "POST", "/runs/search", { experiment_ids: [charts], max_results: 100 })).runs.map((run) => run.run_id)))}`);
  await tab.getByRole("img", { name: /20 curves/ }).first().waitFor();
  await settled(tab);
  say(`scrolling ${CHARTS} charts of ${CURVES} curves`, told(await frames(tab, "document.querySelector('[aria-label=Charts]').scrollTop = 6000 * (share < 0.5 ? 2 * share : 2 - 2 * share);")), ">= 50");
  await settled(tab);
  const over = "const u = document.querySelector('.u-over'); const b = u.getBoundingClientRect(); u.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX: b.left + b.width * share, clientY: b.top + b.height / 2 }));";
  await tab.evaluate("document.querySelector('.u-over').dispatchEvent(new MouseEvent('mouseenter', { bubbles: true }))");
  say("a cursor over all charts on screen", told(await frames(tab, over)), ">= 50");

  // An hour of live updates: ten points a second of one run, sixty times as fast.
  const { run_id } = await call(server.url, "POST", "/runs", { experiment_id: charts, name: "live" });
  await call(server.url, "POST", `/runs/${run_id}/batch`, { points: [["train/metric-0", 0, 0, 0]] });
  await tab.goto(`${server.url}/runs/${run_id}?tab=charts`);
  await tab.getByRole("img", { name: /train\/metric-0/ }).waitFor();
  const cdp = await tab.context().newCDPSession(tab);
  const heap = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6;
  };
  const sizesMb = [];
  for (let minute = 0; minute < 60; minute += 1) {
    const points = Array.from({ length: 600 }, (_, at) => ["train/metric-0", Math.sin(at / 50), minute * 600 + at + 1, minute * 60_000 + at * 100]);
    await call(server.url, "POST", `/runs/${run_id}/batch`, { points });
    await tab.evaluate(() => new Promise((done) => setTimeout(done, 600)));
    if (minute % 10 === 9) sizesMb.push(await heap());
  }
  say("memory over an hour of live points, each ten minutes", `${sizesMb.map((each) => each.toFixed(1)).join(" ")} MB`, "flat");
  await close();
} finally {
  await browser.close();
  await server.stop();
}
