import { Link } from "@tanstack/react-router";
import type { CollectionVersion } from "@/api/collections";
import { placeOf } from "./place";

/** A version by the name that clients use for it. */
export function CollectionVersionLink({ version }: { version: CollectionVersion }) {
  const { collection } = version;
  return (
    <Link
      to="/collections/$name"
      params={{ name: collection.name }}
      search={{ ...placeOf(collection), v: version.version ?? undefined }}
      className="font-medium break-all hover:text-accent-ink hover:underline"
    >
      {collection.name}
      <span className="font-normal text-ink-2">:{version.version ?? "draft"}</span>
    </Link>
  );
}
