import { Check, Copy } from "lucide-react";
import { type ReactNode, useState } from "react";
import { cx } from "./cx";

export function useCopy(): [boolean, (text: string) => void] {
  const [done, setDone] = useState(false);
  const copy = (text: string) => {
    void navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      window.setTimeout(() => setDone(false), 1500);
    });
  };
  return [done, copy];
}

export function CopyButton({
  text,
  label = "Copy",
  className,
}: {
  text: string;
  label?: string;
  className?: string;
}) {
  const [done, copy] = useCopy();
  return (
    <button
      type="button"
      aria-label={done ? "Copied" : label}
      title={done ? "Copied" : label}
      onClick={(event) => {
        event.stopPropagation();
        event.preventDefault();
        copy(text);
      }}
      className={cx(
        "inline-flex size-6 shrink-0 items-center justify-center rounded text-ink-3 hover:bg-hover hover:text-ink [&_svg]:size-3.5",
        className,
      )}
    >
      {done ? <Check className="text-good" /> : <Copy />}
    </button>
  );
}

/** Text to paste into a terminal or a program. */
export function Snippet({ text, className }: { text: string; className?: string }) {
  return (
    <div className={cx("group relative rounded-md border border-line bg-sunken", className)}>
      <pre tabIndex={0} className="overflow-x-auto py-2.5 pr-10 pl-3 font-mono text-xs leading-5 text-ink">
        {text}
      </pre>
      <CopyButton
        text={text}
        label="Copy to the clipboard"
        className="absolute top-1.5 right-1.5 bg-sunken"
      />
    </div>
  );
}

/** A digest, shortened; the whole of it is copied and shown on hover. */
export function Digest({
  value,
  length = 12,
  prefix,
}: {
  value: string;
  length?: number;
  prefix?: ReactNode;
}) {
  return (
    <span className="inline-flex max-w-full items-center gap-0.5">
      {prefix}
      <code className="truncate font-mono text-xs text-ink-2" title={value}>
        {value.slice(0, length)}
      </code>
      <CopyButton text={value} label="Copy the whole digest" />
    </span>
  );
}
