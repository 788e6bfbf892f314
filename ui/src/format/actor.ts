/** Who did something, as a person would say it: the ledger has the exact name. */
export function actorName(actor: string): string {
  if (actor === "local:local") return "the local owner";
  return actor.replace(/^user:/, "");
}
