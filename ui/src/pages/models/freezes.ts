import type { Freeze } from "@/api/governance";

/** Windows that hold promotions to the alias now, the one that ends last first. */
export function freezesNow(freezes: readonly Freeze[], nowMs: number, alias?: string): Freeze[] {
  return freezes
    .filter(
      (each) =>
        each.lifted_at_ms === null &&
        each.starts_at_ms <= nowMs &&
        nowMs < each.ends_at_ms &&
        (alias === undefined || each.alias === null || each.alias === alias),
    )
    .sort((a, b) => b.ends_at_ms - a.ends_at_ms);
}
