import { Tooltip } from "@base-ui/react/tooltip";
import { createLink } from "@tanstack/react-router";
import type { ButtonHTMLAttributes, ReactElement, ReactNode, Ref } from "react";
import { cx } from "./cx";

type Variant = "primary" | "secondary" | "ghost" | "danger";
type Size = "sm" | "md";

const VARIANT: Record<Variant, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong shadow-low border border-transparent",
  secondary: "bg-surface text-ink border border-line-strong hover:bg-hover shadow-low",
  ghost: "text-ink-2 hover:bg-hover hover:text-ink border border-transparent",
  danger: "bg-bad-strong text-on-accent border border-transparent hover:opacity-90 shadow-low",
};

const SIZE: Record<Size, string> = {
  sm: "h-7 px-2.5 text-xs gap-1.5",
  md: "h-8 px-3 text-sm gap-1.5",
};

export function buttonClass(variant: Variant = "secondary", size: Size = "md"): string {
  return cx(
    "inline-flex items-center justify-center rounded-md font-medium whitespace-nowrap select-none transition-colors",
    "disabled:opacity-50 [&_svg]:size-3.5 [&_svg]:shrink-0",
    VARIANT[variant],
    SIZE[size],
  );
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: Variant;
  size?: Size;
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ variant, size, busy, className, children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cx(buttonClass(variant, size), className)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy ? <Spinner /> : null}
      {children}
    </button>
  );
}

interface AnchorProps extends React.AnchorHTMLAttributes<HTMLAnchorElement> {
  variant?: Variant;
  size?: Size;
  ref?: Ref<HTMLAnchorElement>;
}

function Anchor({ variant, size, className, ...rest }: AnchorProps) {
  return <a className={cx(buttonClass(variant, size), className)} {...rest} />;
}

/** A router link that looks like a button. */
export const ButtonLink = createLink(Anchor);

export interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  keys?: string;
  active?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

/** A square button that holds an icon; `label` is read aloud and shown on hover. */
export function IconButton({ label, keys, active, className, children, ...rest }: IconButtonProps) {
  return (
    <Hint text={label} keys={keys}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={active}
        className={cx(
          "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-ink-3 transition-colors hover:bg-hover hover:text-ink",
          "disabled:opacity-40 [&_svg]:size-4",
          active && "bg-accent-soft text-accent-ink",
          className,
        )}
        {...rest}
      >
        {children}
      </button>
    </Hint>
  );
}

export function Spinner({ className }: { className?: string }) {
  return (
    <svg
      viewBox="0 0 16 16"
      className={cx("size-3.5 animate-spin", className)}
      role="img"
      aria-label="Working"
    >
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="2" opacity="0.25" />
      <path d="M8 2a6 6 0 0 1 6 6" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}

/** A short text on hover and focus. The child must take a ref and props. */
export function Hint({ text, keys, children }: { text: ReactNode; keys?: string; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={children as ReactElement<Record<string, unknown>>} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} className="z-50">
          <Tooltip.Popup className="max-w-80 rounded-md bg-ink px-2 py-1 text-xs text-canvas shadow-high">
            {text}
            {keys ? <span className="ml-2 opacity-60">{keys}</span> : null}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
