import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import {
  BookLock,
  Boxes,
  CornerDownLeft,
  FlaskConical,
  House,
  Layers,
  Search,
  Settings,
  ShieldCheck,
  SunMoon,
  Waypoints,
} from "lucide-react";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useState } from "react";
import * as queries from "@/api/queries";
import { cx } from "@/design/cx";
import { matchScore } from "./match";
import { chooseTheme, theme } from "./theme";

interface Entry {
  id: string;
  label: string;
  kind: string;
  icon: ReactNode;
  run: () => void;
}

/** Search over places, experiments, models and runs; Enter opens what is highlighted. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries(useDeferredValue(text));
  const chosen = Math.min(at, entries.length - 1);

  const open = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") open(entries[chosen]);
    else if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, entries.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else return;
    event.preventDefault();
  };

  return (
    <Dialog.Root open onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-shade" />
        <Dialog.Popup
          className="fixed inset-x-3 top-[14vh] z-40 mx-auto max-w-xl overflow-hidden rounded-xl border border-line bg-raised shadow-high outline-none"
          aria-label="Search and jump"
        >
          <div className="flex items-center gap-3 border-b border-line px-4">
            <Search className="size-4 text-ink-3" />
            <input
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setAt(0);
              }}
              onKeyDown={onKeyDown}
              role="combobox"
              aria-expanded
              aria-controls="palette-list"
              aria-activedescendant={entries[chosen] ? `palette-${entries[chosen].id}` : undefined}
              aria-label="Search experiments, runs, models, pages"
              placeholder="Search experiments, runs, models, pages"
              spellCheck={false}
              className="h-12 flex-1 bg-transparent text-base outline-none"
            />
          </div>
          <div
            id="palette-list"
            role="listbox"
            aria-label="Results"
            className="max-h-[52vh] overflow-y-auto p-1.5"
          >
            {entries.map((entry, index) => (
              <div
                key={entry.id}
                id={`palette-${entry.id}`}
                ref={index === chosen ? (node) => node?.scrollIntoView({ block: "nearest" }) : undefined}
                role="option"
                tabIndex={-1}
                aria-selected={index === chosen}
                onMouseMove={() => setAt(index)}
                onClick={() => open(entry)}
                onKeyDown={onKeyDown}
                className={cx(
                  "flex h-9 cursor-default items-center gap-3 rounded-md px-2.5 [&_svg]:size-4 [&_svg]:text-ink-3",
                  index === chosen && "bg-hover",
                )}
              >
                {entry.icon}
                <span className="min-w-0 flex-1 truncate">{entry.label}</span>
                <span className="text-xs text-ink-3">{entry.kind}</span>
                {index === chosen ? <CornerDownLeft /> : null}
              </div>
            ))}
            {entries.length === 0 ? (
              <p className="px-3 py-6 text-center text-ink-3">Nothing matches “{text}”.</p>
            ) : null}
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

const RUN_ID = /^[0-9a-f]{32}$/;

function useEntries(text: string): Entry[] {
  const navigate = useNavigate();
  const experiments = useQuery(queries.experiments()).data ?? [];
  const models = useQuery(queries.models()).data ?? [];
  const wanted = text.trim();
  const ids = experiments.slice(0, 100).map((each) => each.experiment_id);
  // Names in quotes cannot hold the quote itself; such a text searches nothing.
  const runSearch = { experimentIds: ids, filter: `run_name ILIKE '%${wanted}%'` };
  const runs = useQuery({
    ...queries.someRuns(runSearch, 8),
    enabled: wanted.length > 1 && ids.length > 0 && !wanted.includes("'"),
  }).data;

  const go = (to: string) => () => void navigate({ to });
  const places: Entry[] = [
    { id: "home", label: "Home", kind: "Page", icon: <House />, run: go("/") },
    {
      id: "experiments",
      label: "Experiments",
      kind: "Page",
      icon: <FlaskConical />,
      run: go("/experiments"),
    },
    {
      id: "collections",
      label: "Collections",
      kind: "Page",
      icon: <Layers />,
      run: go("/collections"),
    },
    { id: "models", label: "Models", kind: "Page", icon: <Boxes />, run: go("/models") },
    { id: "gates", label: "Gates and suites", kind: "Page", icon: <ShieldCheck />, run: go("/gates") },
    { id: "ledger", label: "Ledger", kind: "Page", icon: <BookLock />, run: go("/ledger") },
    { id: "settings", label: "Settings", kind: "Page", icon: <Settings />, run: go("/settings") },
    {
      id: "theme",
      label: "Switch between light and dark",
      kind: "Action",
      icon: <SunMoon />,
      run: () => chooseTheme(theme() === "dark" ? "light" : "dark"),
    },
  ];
  const named: Entry[] = [
    ...experiments.map((each) => ({
      id: `e${each.experiment_id}`,
      label: each.name,
      kind: "Experiment",
      icon: <FlaskConical />,
      run: () =>
        void navigate({ to: "/experiments/$experimentId", params: { experimentId: each.experiment_id } }),
    })),
    ...models.map((each) => ({
      id: `m${each.name}`,
      label: each.name,
      kind: "Model",
      icon: <Boxes />,
      run: () => void navigate({ to: "/models/$name", params: { name: each.name } }),
    })),
  ];
  const found = (runs ?? []).map((each) => ({
    id: `r${each.run_id}`,
    label: each.name,
    kind: "Run",
    icon: <Waypoints />,
    run: () => void navigate({ to: "/runs/$runId", params: { runId: each.run_id } }),
  }));
  if (RUN_ID.test(wanted)) {
    const open = () => void navigate({ to: "/runs/$runId", params: { runId: wanted } });
    return [{ id: "by-id", label: `Open run ${wanted}`, kind: "Run", icon: <Waypoints />, run: open }];
  }
  if (!wanted) return [...places.slice(0, 6), ...named.slice(0, 8), places[6]!];
  const scored = [...places, ...named]
    .map((entry) => ({ entry, score: matchScore(entry.label, wanted) }))
    .filter((each) => each.score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, 20);
  return [...scored.map((each) => each.entry), ...found];
}
