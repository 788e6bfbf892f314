// A server with accounts: who comes in, and what they are shown once.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { call, flow, stage } from "./harness.mjs";

let here;

before(async () => {
  here = await stage("--auth");
});
after(() => here?.stop());

const signIn = async (page, token) => {
  await page.getByLabel("API token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
};

flow("a bad token is refused and a good one is taken", () =>
  here.visit(
    "/",
    async (page) => {
      await signIn(page, "nonsense");
      await page.getByText(/credential|token/i).nth(1).waitFor();
      await signIn(page, await here.server.token("admin"));
      await page.getByText("Recent runs").first().waitFor();
    },
    { mayComplain: true },
  ));

flow("a token that is made is shown once and works", () =>
  here.visit(
    "/settings?tab=tokens",
    async (page) => {
      await signIn(page, await here.server.token("admin"));
      await page.getByRole("button", { name: "New token" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("What for").fill("for a flow");
      await dialog.getByLabel("For", { exact: true }).selectOption("admin");
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("heading", { name: "Copy the token now" }).waitFor();
      const token = (await dialog.locator("code, pre").first().textContent()).trim();
      const me = await call(here.url, "GET", "/whoami", undefined, { authorization: `Bearer ${token}` });
      assert.equal(me.name, "admin");
      await page.reload();
      await page.getByText("for a flow").first().waitFor();
      assert.equal(await page.getByText(token).count(), 0);
    },
    { mayComplain: true },
  ));

flow("what the server keeps is shown to its admin and to nobody else", async () => {
  const authorization = `Bearer ${await here.server.token("admin")}`;
  const ask = (method, path, body) => call(here.url, method, path, body, { authorization });
  const { run_id } = await ask("POST", "/runs", { experiment: "large", name: "one" });
  await ask("PUT", `/runs/${run_id}/files/model.bin`, "x".repeat(3 * 1024));
  await ask("POST", "/principals", { name: "ann", roles: { default: ["viewer"] } });
  const { token } = await ask("POST", "/tokens", { principal: "ann" });
  await here.visit(
    "/settings?tab=storage",
    async (page) => {
      await signIn(page, await here.server.token("admin"));
      const kept = page.getByRole("region", { name: "What is kept" });
      await kept.getByText("3.0 KiB", { exact: true }).waitFor();
      await kept.getByText(/1 file, [\d.]+ \wiB free/).waitFor();
      await page.getByRole("region", { name: "Largest experiments" }).getByRole("link", { name: "large" }).click();
      await page.getByRole("link", { name: "one", exact: true }).waitFor();
    },
    { mayComplain: true },
  );
  await here.visit(
    "/settings?tab=storage",
    async (page) => {
      await signIn(page, token);
      await page.getByRole("heading", { name: "For admins and auditors" }).waitFor();
    },
    { mayComplain: true },
  );
});
