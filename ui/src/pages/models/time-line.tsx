import { Link } from "@tanstack/react-router";
import { ArrowUpFromLine, Import, Minus, Siren, Tag, Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import type { Move } from "@/api/types";
import { cx } from "@/design/cx";
import { Moment } from "@/design/moment";
import { actorName } from "@/format/actor";
import { Score } from "./outcome";

const LOOKS: Record<Move["kind"], { verb: string; icon: ReactNode; tone: string }> = {
  promotion: { verb: "Promoted", icon: <ArrowUpFromLine />, tone: "bg-good-soft text-good" },
  rollback: { verb: "Rolled back to", icon: <Undo2 />, tone: "bg-warn-soft text-warn" },
  set: { verb: "Set to", icon: <Tag />, tone: "bg-accent-soft text-accent-ink" },
  removed: { verb: "Taken away", icon: <Minus />, tone: "bg-bad-soft text-bad" },
  break_glass: { verb: "Glass broken for", icon: <Siren />, tone: "bg-bad-strong text-on-accent" },
  imported: { verb: "Moved in", icon: <Import />, tone: "bg-sunken text-ink-2" },
};

/** How an alias moved, newest first: who moved it, on what scores, and where the ledger has it. */
export function TimeLine({ moves, model }: { moves: readonly Move[]; model: string }) {
  if (moves.length === 0) return <p className="text-ink-3">It has not moved yet.</p>;
  return (
    <ol className="relative">
      {moves.toReversed().map((move, index) => {
        const { verb, icon, tone } = LOOKS[move.kind];
        return (
          <li key={move.revision} className="relative flex gap-3 pb-5 last:pb-0">
            {index < moves.length - 1 ? (
              <span aria-hidden className="absolute top-7 bottom-1 left-3 w-px bg-line" />
            ) : null}
            <span
              className={cx(
                "flex size-6 shrink-0 items-center justify-center rounded-full [&_svg]:size-3.5",
                tone,
              )}
            >
              {icon}
            </span>
            <div className="min-w-0 flex-1">
              <p>
                {verb}{" "}
                {move.to_version === null ? null : (
                  <Link
                    to="/models/$name/versions/$version"
                    params={{ name: model, version: String(move.to_version) }}
                    className="font-medium hover:text-accent-ink hover:underline"
                  >
                    v{move.to_version}
                  </Link>
                )}
                {move.from_version === null ? (
                  ""
                ) : (
                  <span className="text-ink-3"> · from v{move.from_version}</span>
                )}
              </p>
              {move.decision?.challenger_score ? (
                <p className="text-xs text-ink-2">
                  <Score text={move.decision.challenger_score} />
                  {move.decision.champion_score ? (
                    <>
                      {" against "}
                      <Score text={move.decision.champion_score} />
                    </>
                  ) : (
                    ", the first champion"
                  )}
                </p>
              ) : null}
              {move.kind === "break_glass" ? (
                <p className="text-xs font-medium text-bad">Past the gate, by two people.</p>
              ) : null}
              {move.reason ? <p className="text-xs text-ink-2">“{move.reason}”</p> : null}
              <p className="mt-0.5 text-xs text-ink-3">
                <Moment at={move.at_ms} /> by {actorName(move.actor)} ·{" "}
                <Link
                  to="/ledger"
                  search={{ event: move.ledger_seq }}
                  className="hover:text-ink hover:underline"
                >
                  event {move.ledger_seq}
                </Link>
              </p>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
