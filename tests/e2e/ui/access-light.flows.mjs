// Nobody is shut out, in the light theme.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { flow, settled, stage, violations } from "./harness.mjs";
import { furnish } from "./places.mjs";

let here;
let data;

before(async () => {
  here = await stage();
  data = await furnish(here.url);
});
after(() => here?.stop());

flow("axe finds nothing serious on any page in the light theme", () =>
  here.visit(
    "/",
    async (page) => {
      const found = {};
      for (const path of data.places) {
        await page.goto(here.url + path);
        await settled(page);
        const bad = await violations(page);
        if (bad.length > 0) found[path] = bad;
      }
      assert.deepEqual(found, {});
    },
    { theme: "light" },
  ));
