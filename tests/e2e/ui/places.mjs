// Every page, with something on it: what the flows of look and access walk through.
import { call, fill } from "./harness.mjs";

export async function furnish(url) {
  const data = await fill(url);
  await call(url, "POST", "/models/bot/versions", { run_id: data.ids[0], artifact_path: "adapter" });
  await call(url, "POST", "/ledger/checkpoints", {});
  const { version_id } = await call(url, "POST", "/collection-versions", { name: "mix", type: "dataset", experiment_id: data.experiment, run_id: data.ids[0], metadata: '{"rows": 2}' });
  await call(url, "PUT", `/collection-versions/${version_id}/files/rows.csv`, "a,b\n1,2\n", { "content-type": "application/octet-stream" });
  await call(url, "POST", `/collection-versions/${version_id}/commit`);
  await call(url, "POST", "/freezes", { starts_at_ms: Date.now(), ends_at_ms: Date.now() + 86_400_000, reason: "launch" });
  return {
    ...data,
    places: [
      "/",
      "/experiments",
      `/experiments/${data.experiment}`,
      `/runs/${data.ids[0]}`,
      `/runs/${data.ids[0]}?tab=charts`,
      `/runs/${data.ids[0]}?tab=artifacts&path=rows.csv`,
      `/runs/${data.ids[0]}?tab=samples&key=completions`,
      `/compare?runs=${encodeURIComponent(JSON.stringify(data.ids))}&tab=parallel`,
      "/models",
      "/models/bot",
      "/models/bot/versions/1?tab=lineage",
      "/gates",
      "/ledger",
      "/collections",
      `/collections/mix?experiment=${data.experiment}&path=rows.csv`,
      "/settings",
      "/settings?tab=sources",
      "/settings?tab=gates",
      "/settings?tab=tokens",
      "/settings?tab=webhooks",
      "/settings?tab=storage",
      `/runs/${data.ids[0]}?tab=logs`,
    ],
  };
}
