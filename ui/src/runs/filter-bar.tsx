import { useQuery } from "@tanstack/react-query";
import { ListFilter, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import * as queries from "@/api/queries";
import { cx } from "@/design/cx";
import { plural } from "@/format/number";
import { complete, type FoundValue, type Known, valuePlace } from "./complete";

/** So long nothing may be typed before the server is asked for values. */
const SETTLED_MS = 150;
const NONE: readonly FoundValue[] = [];

/** The search language, completed while it is typed. Enter asks the server, whose refusal is shown below. */
export function FilterBar({
  value,
  onValue,
  known,
  error,
  experimentId,
  inBin,
}: {
  value: string;
  onValue: (value: string) => void;
  known: Known;
  error: unknown;
  experimentId: string;
  inBin: boolean;
}) {
  const [text, setText] = useState(value);
  const [cursor, setCursor] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => setText(value), [value]);

  const found = useValues(text, cursor, experimentId, inBin);
  const suggestions = useMemo(
    () => (cursor === null ? [] : complete(text, cursor, known, found)),
    [text, cursor, known, found],
  );
  useEffect(() => {
    // What is chosen by keyboard is seen, however long the list is.
    if (chosen >= 0) document.getElementById(`${id}-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen, id]);
  const refused = error instanceof ApiError && error.field === "filter" ? error.message : null;

  const apply = (next: string) => {
    setCursor(null);
    setChosen(-1);
    if (next.trim() !== value) onValue(next.trim());
  };
  const take = (index: number) => {
    const suggestion = suggestions[index];
    if (!suggestion) return;
    setText(suggestion.text);
    setCursor(suggestion.cursor);
    setChosen(-1);
    requestAnimationFrame(() => input.current?.setSelectionRange(suggestion.cursor, suggestion.cursor));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && suggestions.length > 0) {
      const next = chosen + step;
      setChosen(next >= suggestions.length ? 0 : next < 0 ? suggestions.length - 1 : next);
    } else if (event.key === "Enter" && chosen >= 0) take(chosen);
    else if (event.key === "Tab" && suggestions.length > 0 && !event.shiftKey) take(Math.max(0, chosen));
    else if (event.key === "Enter") apply(text);
    else if (event.key === "Escape" && cursor !== null) setCursor(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="relative min-w-0 flex-1 basis-72">
      <div
        className={cx(
          "flex h-8 items-center gap-2 rounded-md border bg-surface pr-1 pl-2.5 focus-within:border-accent focus-within:ring-2 focus-within:ring-accent/20",
          refused ? "border-bad" : "border-line-strong",
        )}
      >
        <ListFilter className={cx("size-4 shrink-0", value ? "text-accent-ink" : "text-ink-3")} aria-hidden />
        <input
          ref={input}
          data-filter
          role="combobox"
          aria-label="Filter runs"
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-expanded={suggestions.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
          aria-describedby={refused ? `${id}-refused` : undefined}
          aria-invalid={refused ? true : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder="Filter, for example  metrics.loss < 0.4 AND params.algorithm = 'grpo'"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setCursor(event.target.selectionStart);
            setChosen(-1);
          }}
          onFocus={(event) => setCursor(event.target.selectionStart)}
          onClick={(event) => setCursor(event.currentTarget.selectionStart)}
          onBlur={() => setTimeout(() => setCursor(null), 120)}
          onKeyDown={onKeyDown}
          className={cx("min-w-0 flex-1 bg-transparent outline-none", text ? "font-mono text-xs" : "text-sm")}
        />
        {text ? (
          <button
            type="button"
            aria-label="Clear the filter"
            onClick={() => {
              setText("");
              apply("");
            }}
            className="flex size-6 items-center justify-center rounded text-ink-3 hover:bg-hover hover:text-ink"
          >
            <X className="size-3.5" />
          </button>
        ) : null}
      </div>
      {refused ? (
        <p id={`${id}-refused`} role="alert" className="mt-1 text-xs text-bad">
          {refused}
        </p>
      ) : null}
      <p role="status" className="sr-only">
        {cursor === null ? "" : plural(suggestions.length, "suggestion")}
      </p>
      {suggestions.length > 0 ? (
        <div
          id={`${id}-list`}
          role="listbox"
          aria-label="Suggestions"
          className="absolute top-9 left-0 z-30 max-h-80 w-[min(26rem,100%)] overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-high"
        >
          {suggestions.map((each, index) => (
            <div
              key={each.label}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              onMouseDown={(event) => {
                event.preventDefault();
                take(index);
              }}
              className={cx(
                "flex cursor-default items-center gap-3 rounded-md px-2 py-1 hover:bg-hover",
                index === chosen && "bg-hover",
              )}
            >
              <span className="min-w-0 flex-1 truncate font-mono text-xs">{each.label}</span>
              <span className="text-2xs text-ink-3">{each.detail}</span>
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}

/** Values that the server knows for what is being typed, once nothing more is typed for a moment. */
function useValues(
  text: string,
  cursor: number | null,
  experimentId: string,
  inBin: boolean,
): readonly FoundValue[] {
  const place = useMemo(() => (cursor === null ? null : valuePlace(text, cursor)), [text, cursor]);
  const [settled, setSettled] = useState(place);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(place), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [place]);
  const { data } = useQuery({
    ...queries.runValues({
      experimentId,
      field: settled?.field ?? "",
      prefix: settled?.typed ?? "",
      deleted: inBin,
    }),
    enabled: settled !== null,
  });
  return place !== null && place.field === settled?.field && data ? data : NONE;
}
