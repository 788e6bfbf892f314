import { useQueryClient } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useEffect, useState } from "react";
import { ApiError } from "@/api/client";
import { said } from "./toasts";

const AGAIN_MS = 3000;
/** How often an idle page looks whether the server is still there. */
const HEARTBEAT_MS = 30_000;

const answers = (): Promise<boolean> =>
  fetch("/health", { cache: "no-store" }).then(
    (response) => response.ok || response.status === 503,
    () => false,
  );

/** Says when the server does not answer any more, and brings everything up to date once it does again. */
export function Connection() {
  const client = useQueryClient();
  const [isLost, setLost] = useState(false);
  const [tries, setTries] = useState(0);

  useEffect(() => {
    const unreachable = (error: unknown) => error instanceof ApiError && error.status === 0;
    const stopWatching = client.getQueryCache().subscribe(({ query, type }) => {
      if (type === "updated" && unreachable(query.state.fetchFailureReason)) setLost(true);
    });
    const onOffline = () => setLost(true);
    window.addEventListener("offline", onOffline);
    const timer = setInterval(async () => {
      if (document.visibilityState === "visible" && !(await answers())) setLost(true);
    }, HEARTBEAT_MS);
    return () => {
      stopWatching();
      window.removeEventListener("offline", onOffline);
      clearInterval(timer);
    };
  }, [client]);

  useEffect(() => {
    if (!isLost) return;
    let isOver = false;
    const look = async () => {
      const isBack = await answers();
      if (isOver) return;
      if (!isBack) setTries((before) => before + 1);
      else {
        if (tries > 0) said("The server answers again.");
        setLost(false);
        setTries(0);
        void client.invalidateQueries();
      }
    };
    const timer = setTimeout(() => void look(), tries === 0 ? 0 : AGAIN_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [isLost, tries, client]);

  if (!isLost || tries === 0) return null;
  return (
    <div
      role="status"
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-soft px-4 py-1.5 text-sm text-warn"
    >
      <WifiOff className="size-4 shrink-0" />
      <span className="min-w-0 flex-1">
        The server does not answer. What you see may be old; it is tried again every few seconds.
      </span>
    </div>
  );
}
