// The runs page as somebody arranges it: what was chosen stays in the address.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { fill, flow, rows, stage } from "./harness.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await fill(here.url);
});
after(() => here?.stop());

const inExperiment = (search = "") => `/experiments/${data.experiment}${search}`;
const name = (page, at) => page.locator(`[role=grid] [aria-rowindex='${at + 2}'] a`).textContent();
const heading = (page, label) => page.getByRole("columnheader").filter({ has: page.getByRole("button", { name: label, exact: true }) });

/** Drags from the middle of an element by so many pixels. */
async function drag(page, locator, byX) {
  const box = await locator.boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + byX / 2, y, { steps: 4 });
  await page.mouse.move(x + byX, y, { steps: 4 });
  await page.mouse.up();
}

flow("a run is pinned to the top and given a colour from its menu", () =>
  here.visit(inExperiment(), async (page) => {
    await rows(page).nth(7).waitFor();
    await page.getByRole("link", { name: "run-2", exact: true }).hover();
    await page.getByRole("button", { name: "Actions for run-2" }).click();
    await page.getByRole("menuitem", { name: /Pin to the top/ }).click();
    await page.getByRole("button", { name: "Let run-2 go from the top" }).waitFor();
    assert.equal(await name(page, 0), "run-2");
    await page.getByRole("button", { name: "Actions for run-2" }).click();
    await page.getByRole("menuitem", { name: "Colour 8 of 12" }).click();
    await page.waitForURL(/colors=/);
    await page.reload();
    await page.getByRole("button", { name: "Let run-2 go from the top" }).waitFor();
    assert.equal(await name(page, 0), "run-2");
    const dot = page.getByRole("button", { name: "Hide the curves of run-2" }).locator("span").first();
    assert.equal(await dot.evaluate((node) => getComputedStyle(node).backgroundColor), "rgb(220, 74, 79)");
    await page.getByRole("button", { name: "Let run-2 go from the top" }).click();
    await page.waitForFunction(() => !/pin=/.test(location.search));
  }));

flow("a pinned run and a baseline stay though the filter leaves them out", () =>
  here.visit(
    inExperiment(`?view=table&filter=params.algorithm%20%3D%20'grpo'&pin=%5B%22${data.ids[1]}%22%5D&base=${data.ids[0]}`),
    async (page) => {
      await page.getByRole("button", { name: "Let run-1 go from the top" }).waitFor();
      assert.equal(await name(page, 0), "run-1");
      await page.getByText(/[+−]\d+(\.\d+)? %/).first().waitFor();
    },
  ));

flow("the menu of a row is opened and used by keyboard alone", () =>
  here.visit(inExperiment("?view=table"), async (page) => {
    await rows(page).nth(7).waitFor();
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("m");
    await page.getByRole("menuitem", { name: /Make it the baseline/ }).waitFor();
    for (let presses = 0; presses < 10; presses += 1) {
      await page.keyboard.press("ArrowDown");
      if (/Pin to the top/.test(await page.evaluate(() => document.activeElement?.textContent ?? ""))) break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Let run-6 go from the top" }).waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "grid");
  }));

flow("columns are dragged wider and elsewhere, and the address keeps both", () =>
  here.visit(inExperiment("?view=table&cols=%5B%22metrics.train%2Floss%22%2C%22params.lr%22%2C%22params.seed%22%5D"), async (page) => {
    await rows(page).nth(7).waitFor();
    const before = (await heading(page, "lr").boundingBox()).width;
    await drag(page, heading(page, "lr").locator("[data-edge]"), 60);
    await page.waitForURL(/widths=/);
    assert.equal(Math.round((await heading(page, "lr").boundingBox()).width), Math.round(before + 60));
    await heading(page, "seed").dragTo(heading(page, "train/loss"));
    await page.waitForFunction(() => /cols=.*seed.*loss/.test(decodeURIComponent(location.search)));
    await page.reload();
    await rows(page).nth(7).waitFor();
    const labels = await page.getByRole("columnheader").allTextContents();
    assert.deepEqual(labels, ["Run", "seed", "train/loss", "lr"]);
    await heading(page, "lr").locator("[data-edge]").dblclick();
    await page.waitForFunction(() => !/widths=/.test(location.search));
  }));

flow("the order of columns is changed without a mouse", () =>
  here.visit(inExperiment("?view=table&cols=%5B%22params.lr%22%2C%22params.seed%22%5D"), async (page) => {
    await rows(page).nth(7).waitFor();
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByText("Shown · 2, arrange them").press("Enter");
    await page.getByRole("button", { name: "Move params.seed up" }).press("Enter");
    await page.waitForFunction(() => /cols=.*seed.*lr/.test(decodeURIComponent(location.search)));
    await page.getByRole("button", { name: "Remove the column params.seed" }).press("Enter");
    await page.waitForFunction(() => !/seed/.test(location.search));
  }));

flow("the table gets more room beside the charts by mouse and by keyboard", () =>
  here.visit(inExperiment(), async (page) => {
    await rows(page).nth(7).waitFor();
    const width = async () => (await page.getByRole("grid").boundingBox()).width;
    const [edge, first] = [page.getByRole("separator", { name: "Room for the runs" }), await width()];
    await drag(page, edge, 120);
    await page.waitForURL(/split=/);
    assert.ok(Math.abs((await width()) - first - 120) < 6);
    await edge.focus();
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction((most) => document.querySelector("[role=grid]").clientWidth < most, first + 110);
    await edge.dblclick();
    await page.waitForFunction(() => !/split=/.test(location.search));
  }));

flow("a zoom and a closed section are there again after a reload", () =>
  here.visit(inExperiment("?view=charts"), async (page) => {
    const chart = page.getByRole("img", { name: /^eval\/accuracy, \d+ curves/ });
    await chart.waitFor();
    await page.getByRole("list", { name: "Legend" }).getByText("run-3").waitFor();
    await drag(page, chart, 120);
    await page.getByRole("button", { name: "Back to the whole curve" }).waitFor();
    await page.getByRole("button", { name: /^train/ }).click();
    await page.getByRole("img", { name: /^train\// }).waitFor({ state: "detached" });
    const address = page.url();
    assert.match(address, /zoom=/);
    await page.reload();
    await page.getByRole("button", { name: "Back to the whole curve" }).waitFor();
    assert.equal(page.url(), address);
    assert.equal(await page.getByRole("img", { name: /^train\// }).count(), 0);
    await page.getByRole("button", { name: "Clock" }).click();
    await page.getByRole("button", { name: "Back to the whole curve" }).waitFor({ state: "detached" });
  }));
