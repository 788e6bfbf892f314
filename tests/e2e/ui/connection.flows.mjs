// A server that goes away and comes back while somebody looks.
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

flow("a lost connection is told, pages still open, and all is new once it is back", () =>
  here.visit(
    `/experiments/${data.experiment}?view=table`,
    async (page) => {
      await rows(page).nth(7).waitFor();
      // The code of every page is here before it is needed.
      await page.waitForFunction(() => performance.getEntriesByType("resource").some((each) => /\/foreign-.*js/.test(each.name)));
      await page.context().setOffline(true);
      const banner = page.getByRole("status").filter({ hasText: "The server does not answer" });
      await banner.waitFor();
      await page.getByRole("link", { name: "Ledger" }).click();
      await page.getByRole("heading", { name: "Ledger", level: 1 }).waitFor();
      await here.call("POST", "/experiments", { name: "made meanwhile" });
      await page.context().setOffline(false);
      await banner.waitFor({ state: "detached" });
      await page.getByRole("link", { name: "made meanwhile" }).first().waitFor();
      assert.match(page.url(), /\/ledger/);
    },
    { mayComplain: true },
  ));
