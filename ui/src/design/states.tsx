import { AlertTriangle, Lock, SearchX, WifiOff } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import { Button } from "./button";
import { cx } from "./cx";
import { CopyButton } from "./snippet";

/** What a place is for while there is nothing in it, and how to put something there. */
export function Empty({
  icon,
  title,
  children,
  action,
  className,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  className?: string;
}) {
  return (
    <div className={cx("mx-auto flex max-w-xl flex-col items-start gap-2 px-4 py-10", className)}>
      {icon ? (
        <div className="mb-1 flex size-9 items-center justify-center rounded-lg border border-line bg-surface text-ink-3 shadow-low [&_svg]:size-4.5">
          {icon}
        </div>
      ) : null}
      <h3 className="text-base font-semibold">{title}</h3>
      <div className="w-full space-y-3 text-sm text-ink-2">{children}</div>
      {action ? <div className="mt-2">{action}</div> : null}
    </div>
  );
}

/** An error with what to do about it and the id under which the server's log has it. */
export function Failure({
  error,
  onRetry,
  compact,
}: {
  error: unknown;
  onRetry?: () => void;
  compact?: boolean;
}) {
  const known = error instanceof ApiError ? error : null;
  const kind = kindOf(known);
  const missing = kind === "missing";
  return (
    <div
      role="alert"
      className={cx(
        "flex max-w-2xl items-start gap-3 rounded-lg border border-line bg-surface text-sm shadow-low",
        compact ? "p-3" : "my-6 p-4",
      )}
    >
      <span className={cx("mt-0.5 [&_svg]:size-4", kind === "other" ? "text-bad" : "text-ink-3")}>
        {ICONS[kind]}
      </span>
      <div className="min-w-0 flex-1">
        <p className="font-medium break-words">{messageOf(error)}</p>
        {HINTS[kind] ? <p className="mt-1 text-ink-2">{HINTS[kind]}</p> : null}
        {known?.field && !missing ? <p className="mt-0.5 text-xs text-ink-3">Field: {known.field}</p> : null}
        {known?.requestId ? (
          <p className="mt-1 flex items-center gap-1 text-xs text-ink-3">
            Request <code className="font-mono">{known.requestId}</code>
            <CopyButton text={known.requestId} label="Copy the request id" />
          </p>
        ) : null}
      </div>
      {onRetry && !missing && kind !== "forbidden" ? (
        <Button size="sm" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

type Kind = "missing" | "forbidden" | "unreachable" | "busy" | "other";

function kindOf(error: ApiError | null): Kind {
  if (error?.status === 404) return "missing";
  if (error?.status === 403) return "forbidden";
  if (error?.status === 0) return "unreachable";
  return error?.status === 429 || error?.status === 503 ? "busy" : "other";
}

const ICONS: Record<Kind, ReactNode> = {
  missing: <SearchX />,
  forbidden: <Lock />,
  unreachable: <WifiOff />,
  busy: <AlertTriangle />,
  other: <AlertTriangle />,
};

/** What to do about it, where the server's own words do not say. */
const HINTS: Record<Kind, ReactNode> = {
  missing:
    "It may have been removed, or be in another workspace: change that at the top left, or search with Ctrl K.",
  forbidden: "Ask an admin of the workspace for a role that may, or sign in with another token.",
  unreachable: "Nothing was lost. Start the server again, or try again in a moment.",
  busy: "It has more to do than it can just now. Try again in a moment.",
  other: null,
};

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function Skeleton({ className }: { className?: string }) {
  return (
    <div
      aria-hidden
      className={cx(
        "animate-[pulse-soft_1.6s_ease-in-out_infinite] rounded-md bg-sunken",
        className ?? "h-4 w-full",
      )}
    />
  );
}

export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  return (
    <div className="space-y-2 p-4" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} className="h-7" />
      ))}
    </div>
  );
}
