import { Search } from "lucide-react";
import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, useId } from "react";
import { cx } from "./cx";

export const INPUT =
  "min-w-0 rounded-md border border-line-strong bg-surface px-2.5 text-ink outline-none transition-colors focus:border-accent focus:ring-2 focus:ring-accent/20 disabled:opacity-60 aria-invalid:border-bad";

export function Input({
  className,
  ...rest
}: InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  const own = className ?? "";
  // Two heights or widths on one element would be settled by the order of the style sheet, not by ours.
  const size = cx(
    !/(^| )h-/.test(own) && "h-8",
    !/(^| )w-/.test(own) && "w-full",
    !/(^| )text-(xs|sm)/.test(own) && "text-sm",
  );
  return <input className={cx(INPUT, size, className)} spellCheck={false} autoComplete="off" {...rest} />;
}

export function SearchInput({
  value,
  onValue,
  placeholder,
  label,
  className,
}: {
  value: string;
  onValue: (value: string) => void;
  placeholder: string;
  label?: string;
  className?: string;
}) {
  return (
    <div className={cx("relative", className)}>
      <Search className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-3" aria-hidden />
      <Input
        type="search"
        aria-label={label ?? placeholder}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onValue(event.target.value)}
        className="pl-8"
      />
    </div>
  );
}

export function Select({ className, children, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <select className={cx(INPUT, "h-8 pr-7 text-sm", className)} {...rest}>
      {children}
    </select>
  );
}

/** A label over its control, with a line of help or the reason of a refusal below. */
export function Field({
  label,
  help,
  error,
  children,
}: {
  label: string;
  help?: ReactNode;
  error?: string | null;
  children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ReactNode;
}) {
  const id = useId();
  const below = error ?? help;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-ink-2">
        {label}
      </label>
      {children({
        id,
        "aria-describedby": below ? `${id}-below` : undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {below ? (
        <p id={`${id}-below`} className={cx("mt-1 text-xs", error ? "text-bad" : "text-ink-3")}>
          {below}
        </p>
      ) : null}
    </div>
  );
}

/** A few exclusive choices side by side. */
export function Segmented<T extends string>({
  value,
  onValue,
  options,
  label,
}: {
  value: T;
  onValue: (value: T) => void;
  options: readonly { value: T; label: ReactNode; title?: string }[];
  label: string;
}) {
  return (
    <fieldset
      className="inline-flex h-7 items-center rounded-md border border-line bg-sunken p-0.5"
      aria-label={label}
    >
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          title={option.title}
          aria-pressed={value === option.value}
          onClick={() => onValue(option.value)}
          className={cx(
            "inline-flex h-full items-center gap-1.5 rounded px-2 text-xs font-medium transition-colors [&_svg]:size-3.5",
            value === option.value ? "bg-surface text-ink shadow-low" : "text-ink-3 hover:text-ink",
          )}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  );
}
