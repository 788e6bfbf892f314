// From a telephone to a wall: no page is wider than its window.
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

const fits = (width, height) =>
  here.visit(
    "/",
    async (page) => {
      for (const path of data.places) {
        await page.goto(here.url + path);
        await settled(page);
        const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(scrolled <= width, `${path} is ${scrolled} wide`);
        assert.ok(await page.getByRole("heading").first().isVisible(), `${path} has no heading to see`);
      }
    },
    { width, height },
  );

flow("no page is wider than a telephone of 390 pixels", () => fits(390, 844));
flow("every page fits into 1280 pixels", () => fits(1280, 800));
flow("every page fits into 2560 pixels", () => fits(2560, 1440));
