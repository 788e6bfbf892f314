import { Toast } from "@base-ui/react/toast";
import { CheckCircle2, OctagonAlert, X } from "lucide-react";
import { ApiError } from "@/api/client";
import { IconButton } from "@/design/button";
import { messageOf } from "@/design/states";

export const toasts = Toast.createToastManager();

export const said = (title: string, description?: string): void => {
  toasts.add({ title, description, type: "good" });
};

/** Something was done that can be undone for as long as this is on screen. */
export const saidWithUndo = (title: string, onUndo: () => void): void => {
  const id = toasts.add({
    title,
    type: "good",
    timeout: 8000,
    actionProps: {
      children: "Undo",
      onClick: () => {
        toasts.close(id);
        onUndo();
      },
    },
  });
};

/** An action failed: what the server said, with the request id. */
export const failed = (error: unknown): void => {
  const id = error instanceof ApiError ? error.requestId : null;
  toasts.add({
    title: messageOf(error),
    description: id ? `Request ${id}` : undefined,
    type: "bad",
    timeout: 12_000,
    priority: "high",
  });
};

export function Toaster() {
  return (
    <Toast.Provider toastManager={toasts} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2">
          <Stack />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function Stack() {
  const { toasts: shown } = Toast.useToastManager();
  return shown.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="flex animate-[rise_160ms_ease-out] items-start gap-2.5 rounded-lg border border-line bg-raised p-3 shadow-high data-ending-style:opacity-0"
    >
      {toast.type === "bad" ? (
        <OctagonAlert className="mt-0.5 size-4 shrink-0 text-bad" />
      ) : (
        <CheckCircle2 className="mt-0.5 size-4 shrink-0 text-good" />
      )}
      <div className="min-w-0 flex-1">
        <Toast.Title className="text-sm font-medium break-words" />
        <Toast.Description className="mt-0.5 text-xs break-words text-ink-3" />
      </div>
      {toast.actionProps ? (
        <Toast.Action className="shrink-0 rounded px-1.5 text-sm font-medium text-accent-ink hover:underline" />
      ) : null}
      <Toast.Close render={<IconButton label="Dismiss" className="size-5" />}>
        <X className="size-3.5" />
      </Toast.Close>
    </Toast.Root>
  ));
}
