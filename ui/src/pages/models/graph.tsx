import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  Boxes,
  Crown,
  Database,
  GitCommitHorizontal,
  ListChecks,
  type LucideIcon,
  Scale,
  Settings2,
  Sprout,
  Waypoints,
} from "lucide-react";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import * as queries from "@/api/queries";
import type { Json, Version } from "@/api/types";
import { cx } from "@/design/cx";
import { newest, OutcomeBadge, Score } from "./outcome";

interface Node {
  id: string;
  title: string;
  text: ReactNode;
  icon: LucideIcon;
  missing?: boolean;
  main?: boolean;
}

/** From what a version was made to who serves it: every node is a step of the proof and can be reached by keyboard. */
export function LineageGraph({ version }: { version: Version }) {
  const run = useQuery({ ...queries.run(version.run_id ?? ""), enabled: version.run_id !== null }).data;
  const evals =
    useQuery({ ...queries.evals(version.run_id ?? ""), enabled: version.run_id !== null }).data ?? [];
  const verdict = newest(version.verdicts);
  const fact = (name: string) => version.lineage?.[name];
  const made: Node[] = [
    { id: "data", title: "Data", icon: Database, ...short(fact("data_version")) },
    { id: "code", title: "Code", icon: GitCommitHorizontal, ...short(fact("code_commit")) },
    { id: "config", title: "Config", icon: Settings2, ...settings(fact("config")) },
    { id: "base", title: "Base model", icon: Boxes, ...short(fact("base_model")) },
    { id: "seed", title: "Seed", icon: Sprout, ...short(fact("seed")) },
  ];
  const trained: Node[] = [
    {
      id: "run",
      title: "Run",
      icon: Waypoints,
      missing: !version.run_id,
      text: version.run_id ? (
        <NodeLink to={`/runs/${version.run_id}`}>
          <span className="block max-w-44 truncate" title={run?.name}>
            {run?.name ?? version.run_id.slice(0, 12)}
          </span>
        </NodeLink>
      ) : (
        "not from a run"
      ),
    },
  ];
  const scored: Node[] = evals.slice(0, 3).map((each, index) => ({
    id: `eval-${index}`,
    title: "Own eval",
    icon: ListChecks,
    text: `${each.metric} ${each.value_text}`,
  }));
  const frozen: Node[] = [
    {
      id: "version",
      title: "Version",
      icon: Boxes,
      main: true,
      text: `${version.model} v${version.version}`,
    },
  ];
  const judged: Node[] = [
    {
      id: "verdict",
      title: "Verdict",
      icon: Scale,
      missing: !verdict,
      text: verdict ? (
        <span className="flex items-center gap-2">
          <OutcomeBadge outcome={verdict.outcome} /> <Score text={verdict.score} />
        </span>
      ) : (
        "no exam yet"
      ),
    },
  ];
  const served: Node[] = version.aliases.map((alias) => ({
    id: `alias-${alias}`,
    title: "Alias",
    icon: Crown,
    text: alias,
  }));
  const columns = [made, [...trained, ...scored], frozen, [...judged, ...served]];
  const edges: [string, string][] = [
    ...made.map((each): [string, string] => [each.id, "run"]),
    ...scored.map((each): [string, string] => [each.id, "version"]),
    ["run", "version"],
    ["version", "verdict"],
    ...served.map((each): [string, string] => ["version", each.id]),
  ];
  return <Drawing columns={columns} edges={edges} />;
}

function NodeLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="hover:text-accent-ink hover:underline">
      {children}
    </Link>
  );
}

function short(value: Json | undefined): Pick<Node, "text" | "missing"> {
  if (value === undefined || value === null) return { text: "missing", missing: true };
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { text: <span title={text}>{text.length > 22 ? `${text.slice(0, 20)}…` : text}</span> };
}

function settings(value: Json | undefined): Pick<Node, "text" | "missing"> {
  if (typeof value !== "object" || value === null) return { text: "missing", missing: true };
  const count = Object.keys(value).length;
  return { text: `${count} ${count === 1 ? "setting" : "settings"}` };
}

function Drawing({ columns, edges }: { columns: Node[][]; edges: [string, string][] }) {
  const host = useRef<HTMLDivElement>(null);
  const [paths, setPaths] = useState<string[]>([]);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const drawn = JSON.stringify(edges);
  useLayoutEffect(() => {
    const element = host.current!;
    const draw = () => {
      const origin = element.getBoundingClientRect();
      const box = (id: string) =>
        element.querySelector(`[data-node="${CSS.escape(id)}"]`)?.getBoundingClientRect();
      setSize({ width: element.scrollWidth, height: element.scrollHeight });
      setPaths(
        (JSON.parse(drawn) as [string, string][]).flatMap(([from, to]) => {
          const [a, b] = [box(from), box(to)];
          if (!a || !b) return [];
          const [x1, y1, x2, y2] = [
            a.right - origin.left,
            a.top + a.height / 2 - origin.top,
            b.left - origin.left,
            b.top + b.height / 2 - origin.top,
          ];
          const middle = (x1 + x2) / 2;
          return [`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`];
        }),
      );
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [drawn]);
  return (
    <section
      tabIndex={0}
      aria-label="Lineage graph"
      className="overflow-x-auto rounded-lg border border-line bg-surface shadow-low"
    >
      <div
        ref={host}
        className="relative flex w-fit min-w-full items-center justify-between gap-9 p-5 2xl:justify-start 2xl:gap-16"
      >
        <svg
          aria-hidden
          className="pointer-events-none absolute inset-0"
          width={size.width}
          height={size.height}
        >
          {paths.map((path) => (
            <path key={path} d={path} fill="none" stroke="var(--line-strong)" strokeWidth="1.5" />
          ))}
        </svg>
        {columns.map((nodes, index) => (
          <ol key={index} className="relative space-y-3">
            {nodes.map((node) => (
              <NodeBox key={node.id} node={node} />
            ))}
          </ol>
        ))}
      </div>
    </section>
  );
}

function NodeBox({ node }: { node: Node }) {
  const Icon = node.icon;
  return (
    <li
      data-node={node.id}
      tabIndex={0}
      className={cx(
        "flex min-w-36 items-center gap-2.5 rounded-lg border bg-raised px-3 py-2.5 whitespace-nowrap",
        node.main ? "border-accent" : node.missing ? "border-dashed border-warn" : "border-line",
      )}
    >
      <Icon
        className={cx(
          "size-4 shrink-0",
          node.main ? "text-accent-ink" : node.missing ? "text-warn" : "text-ink-3",
        )}
      />
      <div className="min-w-0">
        <p className="text-2xs text-ink-3">{node.title}</p>
        <div className={cx("font-medium", node.missing && "text-warn")}>{node.text}</div>
      </div>
    </li>
  );
}
