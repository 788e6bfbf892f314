import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Scale, Trophy } from "lucide-react";
import { useState } from "react";
import { ApiError, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { EvalResult, Run, Winner } from "@/api/types";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Select } from "@/design/field";
import { Failure } from "@/design/states";
import { plural, shortNumber } from "@/format/number";
import { growsBetter } from "@/runs/cell";
import { RegisterDialog } from "../run/actions";

type Direction = "suite" | "max" | "min";

/** Chooses the best of the runs, or says why these cannot be ranked. Only the server decides. */
export function WinnerPanel({ runs, evals }: { runs: readonly Run[]; evals: readonly EvalResult[] }) {
  const metrics = [...new Set(evals.map((each) => each.metric))].sort();
  const [chosen, setChosen] = useState<string | null>(null);
  const [direction, setDirection] = useState<Direction | null>(null);
  const [registering, setRegistering] = useState(false);
  const metric = chosen ?? metrics[0] ?? "";
  // A suite that is stored here says itself which way is better; of a foreign one only people know.
  const isForeign = evals.some((each) => each.metric === metric && !/^[0-9a-f]{64}$/.test(each.suite));
  const way: Direction = direction ?? (isForeign ? (growsBetter(metric) === false ? "min" : "max") : "suite");
  const select = useMutation({
    mutationFn: (suite: string | undefined) =>
      post<Winner>("/winner", {
        metric,
        ...(way === "suite" ? {} : { maximize: way === "max" }),
        run_ids: runs.map((run) => run.run_id),
        ...(suite ? { suite } : {}),
      }),
  });
  const nameOf = (id: string) => runs.find((run) => run.run_id === id)?.name ?? id.slice(0, 8);
  const suites = suiteGroups(runs, evals);
  const stored = useQuery({ ...queries.suites(), enabled: evals.length > 0 }).data;
  const suiteName = (suite: string) =>
    stored?.find((each) => each.fingerprint === suite)?.name ?? suite.replace(/@.*$/, "").slice(0, 16);
  const isRankable = suites.some(({ suite, ids }) => suite !== null && ids.length > 1);
  const result = select.data;
  if (metrics.length === 0) return null;
  return (
    <section className="mb-5 space-y-3">
      {suites.length > 1 ? (
        <div role="status" className="flex gap-3 rounded-lg bg-warn-soft p-4">
          <Scale className="mt-0.5 size-4 shrink-0 text-warn" />
          <div className="min-w-0 flex-1">
            <p className="font-semibold text-warn">
              These runs were not scored on one suite, so there is no winner among all of them
            </p>
            <p className="mt-0.5 text-ink-2">
              A score on one exam says nothing about a score on another.{" "}
              {isRankable ? "Within one suite they can be ranked:" : "No two of these runs share a suite:"}
            </p>
            <ul className="mt-3 space-y-2">
              {suites.map(({ suite, ids }) => (
                <li
                  key={suite ?? "none"}
                  className="grid grid-cols-[minmax(5rem,9rem)_minmax(0,1fr)_auto] items-baseline gap-x-3"
                >
                  <span className="truncate text-xs font-medium" title={suite ?? undefined}>
                    {suite ? suiteName(suite) : "No suite"}
                  </span>
                  <span
                    className="line-clamp-2 min-w-0 text-xs text-ink-2"
                    title={ids.map(nameOf).join(", ")}
                  >
                    <span className="text-ink-3">{plural(ids.length, "run")}: </span>
                    {ids.slice(0, 6).map(nameOf).join(", ")}
                    {ids.length > 6 ? ` and ${ids.length - 6} more` : ""}
                  </span>
                  {suite && ids.length > 1 ? (
                    <Button
                      size="sm"
                      onClick={() => select.mutate(suite)}
                      busy={select.isPending && select.variables === suite}
                    >
                      Rank these
                    </Button>
                  ) : null}
                </li>
              ))}
            </ul>
          </div>
        </div>
      ) : null}
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-xs text-ink-2">Best by</span>
        <Select
          aria-label="By which result"
          value={metric}
          onChange={(event) => setChosen(event.target.value)}
        >
          {metrics.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
        <Select
          aria-label="Which way is better"
          value={way}
          onChange={(event) => setDirection(event.target.value as Direction)}
        >
          <option value="suite">as the suite says</option>
          <option value="max">more is better</option>
          <option value="min">less is better</option>
        </Select>
        <Button
          onClick={() => select.mutate(undefined)}
          busy={select.isPending && !select.variables}
          disabled={suites.length > 1}
        >
          <Trophy /> Select the winner
        </Button>
        {suites.length > 1 ? (
          <span className="text-xs text-ink-3">
            {isRankable ? "Rank one of the groups above instead." : "Score them on one suite to rank them."}
          </span>
        ) : null}
      </div>
      {select.error ? (
        <Failure
          compact
          error={select.error instanceof ApiError ? select.error : new Error(String(select.error))}
        />
      ) : null}
      {result ? (
        <div className="flex flex-wrap items-center gap-x-6 gap-y-3 rounded-lg border border-line bg-surface p-4 shadow-low">
          <Trophy className="size-5 text-accent-ink" />
          <div className="min-w-40 flex-1">
            <p>
              <Link
                to="/runs/$runId"
                params={{ runId: result.run_id }}
                className="text-base font-semibold hover:text-accent-ink hover:underline"
              >
                {result.run_name}
              </Link>
              {result.tied.length > 0 ? (
                <Badge className="ml-2">tied with {result.tied.map(nameOf).join(", ")}</Badge>
              ) : null}
            </p>
            <p className="text-xs text-ink-3">
              best of {result.ranked.length} by {result.metric}
              {result.maximize ? ", more is better" : ", less is better"}
              {Object.keys(result.excluded).length > 0
                ? `; ${Object.keys(result.excluded).length} could not take part`
                : ""}
            </p>
          </div>
          <p className="text-xl font-semibold tabular">{shortNumber(result.score)}</p>
          <Button variant="primary" onClick={() => setRegistering(true)}>
            Register it
          </Button>
        </div>
      ) : null}
      {registering && result ? (
        <RegisterDialog
          run={{ run_id: result.run_id, name: result.run_name }}
          onClose={() => setRegistering(false)}
        />
      ) : null}
    </section>
  );
}

/** The runs by the suite that they were scored on; those without any under null. A run may have several. */
export function suiteGroups(
  runs: readonly Pick<Run, "run_id">[],
  evals: readonly Pick<EvalResult, "run_id" | "suite">[],
): { suite: string | null; ids: string[] }[] {
  const found = new Map<string | null, string[]>();
  for (const run of runs) {
    const suites = [...new Set(evals.filter((each) => each.run_id === run.run_id).map((each) => each.suite))];
    for (const suite of suites.length > 0 ? suites : [null])
      found.set(suite, [...(found.get(suite) ?? []), run.run_id]);
  }
  return [...found].map(([suite, ids]) => ({ suite, ids })).sort((a, b) => b.ids.length - a.ids.length);
}
