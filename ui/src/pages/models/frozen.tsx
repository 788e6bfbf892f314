import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Snowflake } from "lucide-react";
import * as governance from "@/api/governance";
import { useNow } from "@/design/moment";
import { exactTime } from "@/format/time";
import { freezesNow } from "./freezes";

/** That promotions are frozen now, until when and why. */
export function Frozen({ alias }: { alias?: string }) {
  const now = useNow();
  const windows = freezesNow(useQuery(governance.freezes()).data ?? [], now, alias);
  const last = windows[0];
  if (!last) return null;
  return (
    <section
      aria-label="Freeze"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg bg-accent-soft px-4 py-3 text-sm"
    >
      <Snowflake className="size-4 shrink-0 text-accent-ink" />
      <span className="min-w-0 flex-1 break-words">
        <span className="font-medium text-accent-ink">
          {last.alias === null ? "Promotions are" : `Promotions to ${last.alias} are`} frozen until{" "}
          {exactTime(last.ends_at_ms)}
        </span>
        {last.reason ? <span className="text-ink-2"> · {last.reason}</span> : null}
        <span className="block text-xs text-ink-2">Rolling back stays possible.</span>
      </span>
      <Link to="/settings" search={{ tab: "gates" }} className="text-xs text-accent-ink hover:underline">
        Freeze windows
      </Link>
    </section>
  );
}
