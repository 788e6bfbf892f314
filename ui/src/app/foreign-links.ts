import { redirect } from "@tanstack/react-router";

/**
 * Where a link of MLflow's page leads here: its client prints `<server>/#/experiments/1/runs/abc`, and people
 * keep such links in notebooks and chats. Null when the hash is none of them.
 */
export function pathOfHash(hash: string): string | null {
  const path = hash.replace(/^#?/, "").split("?")[0] ?? "";
  const run = /^\/experiments\/[^/]+\/runs\/([^/]+)/.exec(path);
  if (run) return `/runs/${run[1]}`;
  const experiment = /^\/experiments\/([^/]+)/.exec(path);
  if (experiment) return `/experiments/${experiment[1]}`;
  const version = /^\/models\/([^/]+)\/versions\/([^/]+)/.exec(path);
  if (version) return `/models/${version[1]}/versions/${version[2]}`;
  const model = /^\/models\/([^/]+)/.exec(path);
  if (model) return `/models/${model[1]}`;
  if (path === "/models") return "/models";
  return null;
}

export function hashRedirect(pathname: string, hash: string): void {
  if (pathname !== "/" || !hash) return;
  const target = pathOfHash(hash);
  if (target) throw redirect({ to: target, replace: true });
}
