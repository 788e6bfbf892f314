import { type ReactNode, useEffect, useSyncExternalStore } from "react";
import { cx } from "./cx";

/** The frame of a page: crumbs, title, actions, and below them what scrolls. */
export function Page({
  title,
  heading,
  crumbs,
  actions,
  meta,
  tabs,
  children,
  wide,
}: {
  /** The document's title. */
  title: string;
  heading?: ReactNode;
  crumbs?: ReactNode;
  actions?: ReactNode;
  meta?: ReactNode;
  tabs?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  useTitle(title);
  return (
    <div className="flex h-full min-h-0 flex-col overflow-y-auto">
      <header
        className={cx(
          "mx-auto w-full shrink-0 px-4 pt-5 sm:px-8 sm:pt-7",
          wide ? "max-w-[112rem]" : "max-w-[76rem]",
        )}
      >
        {crumbs ? <div className="mb-1.5 text-xs text-ink-3">{crumbs}</div> : null}
        <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
          <div className="min-w-0 flex-1 basis-64">
            <h1 className="text-xl font-semibold tracking-[-0.015em] break-words">{heading ?? title}</h1>
            {meta ? (
              <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-ink-3">
                {meta}
              </div>
            ) : null}
          </div>
          {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
        </div>
        {tabs ? <div className="mt-4">{tabs}</div> : <div className="h-5" />}
      </header>
      <div
        className={cx(
          "mx-auto w-full flex-1 px-4 pb-16 sm:px-8",
          tabs ? "pt-5" : null,
          wide ? "max-w-[112rem]" : "max-w-[76rem]",
        )}
      >
        {children}
      </div>
    </div>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Assay` : "Assay";
  }, [title]);
}

const NARROW = "(width < 48rem)";

function watchWidth(listener: () => void): () => void {
  const query = window.matchMedia(NARROW);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** Whether there is room for one thing at a time. */
export const useNarrow = (): boolean =>
  useSyncExternalStore(watchWidth, () => window.matchMedia(NARROW).matches);

/** Links that look like tabs; the chosen one is part of the URL. */
export function Tabs({ children, label }: { children: ReactNode; label: string }) {
  return (
    <nav aria-label={label} className="-mb-px flex gap-5 overflow-x-auto border-b border-line">
      {children}
    </nav>
  );
}

export const tabClass = (active: boolean): string =>
  cx(
    "relative -mb-px inline-flex h-9 items-center gap-1.5 border-b-2 text-sm whitespace-nowrap transition-colors",
    active ? "border-accent font-medium text-ink" : "border-transparent text-ink-3 hover:text-ink",
  );
