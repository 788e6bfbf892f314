import { Dialog } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./button";
import { cx } from "./cx";

/** A dialog over the page. `footer` holds its buttons. */
export function Modal({
  open,
  onClose,
  title,
  note,
  children,
  footer,
  width = "md",
}: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  note?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  width?: "sm" | "md" | "lg";
}) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-shade transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Dialog.Popup
          className={cx(
            "fixed inset-x-3 top-[max(1rem,8vh)] z-40 mx-auto flex max-h-[84vh] flex-col rounded-xl border border-line bg-raised shadow-high outline-none",
            "transition duration-150 data-ending-style:opacity-0 data-starting-style:translate-y-1 data-starting-style:opacity-0",
            width === "sm" ? "max-w-md" : width === "md" ? "max-w-xl" : "max-w-3xl",
          )}
        >
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1">
              <Dialog.Title className="text-base font-semibold break-words">{title}</Dialog.Title>
              {note ? (
                <Dialog.Description className="mt-0.5 text-sm text-ink-3">{note}</Dialog.Description>
              ) : null}
            </div>
            <Dialog.Close render={<IconButton label="Close" keys="Esc" />}>
              <X />
            </Dialog.Close>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
          {footer ? (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
              {footer}
            </footer>
          ) : null}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
