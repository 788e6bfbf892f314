// Every page, with something on it: what the flows of look and access walk through.
import { call, fill } from "./harness.mjs";

export async function furnish(url) {
  const data = await fill(url);
  await call(url, "POST", "/models/bot/versions", { run_id: data.ids[0], artifact_path: "adapter" });
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
      "/settings",
      "/settings?tab=tokens",
      "/settings?tab=webhooks",
      `/runs/${data.ids[0]}?tab=logs`,
    ],
  };
}
