import type { RunTab } from "@/app/search";

export interface Named {
  run?: string;
  tab?: Exclude<RunTab, "overview">;
  artifact?: string;
  version?: string;
}

const TABS: Record<string, Named["tab"]> = {
  logs: "logs",
  files: "artifacts",
  system: "system",
  workspace: "charts",
};

/** What the rest of `/{entity}/{project}/…` names, as the wandb client prints it. */
export function namedIn(rest: string): Named {
  const [place, first, second, third] = rest.split("/").filter((part) => part !== "");
  if (place === "runs" && first) return { run: first, tab: second ? TABS[second] : undefined };
  if (place === "artifacts" && second) return { artifact: second, version: third };
  return {};
}
