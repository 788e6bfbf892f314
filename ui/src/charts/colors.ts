/** Twelve hues that stay apart on white and on near-black, and for most colour-blind eyes. */
export const PALETTE = [
  "#4f6bed",
  "#e0732f",
  "#169c74",
  "#cf3f8f",
  "#b28a00",
  "#0f9bb3",
  "#8a63e0",
  "#dc4a4f",
  "#5f9324",
  "#3f86d6",
  "#a8583c",
  "#7b7f8c",
] as const;

function slotOf(id: string): number {
  let hash = 2166136261;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 16777619);
  return (hash >>> 0) % PALETTE.length;
}

/**
 * A colour for each id: an id keeps its own unless another of the set had it first, so that sorting or
 * filtering a table does not repaint its curves. `chosen` are places in the palette that somebody gave.
 */
export function colorsFor(
  ids: readonly string[],
  chosen: ReadonlyMap<string, number> = new Map(),
): Map<string, string> {
  const colors = new Map<string, string>();
  let used = new Set<number>();
  for (const id of [...ids].sort()) {
    const own = PALETTE[chosen.get(id) ?? -1];
    if (own) {
      colors.set(id, own);
      continue;
    }
    if (used.size === PALETTE.length) used = new Set();
    let slot = slotOf(id);
    while (used.has(slot)) slot = (slot + 1) % PALETTE.length;
    used.add(slot);
    colors.set(id, PALETTE[slot]!);
  }
  return colors;
}
