// A hundred thousand runs in one table.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { runPython, slowFlow, stage } from "./harness.mjs";

const RUNS = 100_000;
// Eight writers over HTTP, so that the runs are what any client would have made.
const SEED = `
import sys
from concurrent.futures import ThreadPoolExecutor
import httpx2
url, experiment, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = httpx2.Client(base_url=url + "/api/v1", timeout=120)
def make(number):
    body = {"experiment_id": experiment, "name": f"run-{number}", "params": {"seed": str(number)}, "started_at_ms": number}
    client.post("/runs", json=body).raise_for_status()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(make, range(count)))
`;

let here;
let experiment;

before(async () => {
  here = await stage();
  experiment = (await here.call("POST", "/experiments", { name: "huge" })).experiment_id;
  await runPython(SEED, here.url, experiment, String(RUNS));
});
after(() => here?.stop());

slowFlow("a hundred thousand runs scroll to the last one", () =>
  here.visit(`/experiments/${experiment}?view=table`, async (page) => {
    await page.getByRole("link", { name: `run-${RUNS - 1}`, exact: true }).waitFor();
    const grid = page.getByRole("grid");
    await grid.focus();
    // Each press goes to the end of what is loaded, and reaching it loads more.
    const deadline = Date.now() + 300_000;
    while (Number(await grid.getAttribute("aria-rowcount")) < RUNS + 1) {
      assert.ok(Date.now() < deadline, `only ${await grid.getAttribute("aria-rowcount")} rows after five minutes`);
      await page.keyboard.press("End");
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
    await page.keyboard.press("End");
    await page.getByRole("link", { name: "run-0", exact: true }).waitFor();
    assert.ok((await grid.getByRole("row").count()) < 100, "only what is on screen exists");
  }));
