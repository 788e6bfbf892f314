import { useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate } from "@tanstack/react-router";
import { Menu as MenuIcon } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { getToken, whenUnauthenticated } from "@/api/client";
import { IconButton } from "@/design/button";
import { Connection } from "./connection";
import { useKeys } from "./keys";
import { Mark } from "./mark";
import { Sidebar } from "./sidebar";
import { SignIn } from "./sign-in";
import { chooseTheme, theme } from "./theme";
import { Toaster } from "./toasts";

const loadPalette = () => import("./palette");
const Palette = lazy(loadPalette);
const Shortcuts = lazy(() => import("./shortcuts"));

type Overlay = "palette" | "shortcuts" | null;

/** Sidebar beside the page, and what lies over both. */
export function Shell() {
  const [overlay, setOverlay] = useState<Overlay>(null);
  const [drawer, setDrawer] = useState(false);
  const [signIn, setSignIn] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();

  useEffect(() => whenUnauthenticated(() => setSignIn(true)), []);
  useEffect(() => {
    // Whoever presses Ctrl-K goes on typing at once, so its code is here before.
    const timer = setTimeout(() => void loadPalette(), 500);
    return () => clearTimeout(timer);
  }, []);
  useKeys({
    "Mod+K": () => setOverlay("palette"),
    "/": () => focusFilter() || setOverlay("palette"),
    "?": () => setOverlay("shortcuts"),
    "g h": () => void navigate({ to: "/" }),
    "g e": () => void navigate({ to: "/experiments" }),
    "g m": () => void navigate({ to: "/models" }),
    "g g": () => void navigate({ to: "/gates" }),
    "g c": () => void navigate({ to: "/collections" }),
    "g l": () => void navigate({ to: "/ledger" }),
    "g s": () => void navigate({ to: "/settings" }),
    t: () => chooseTheme(theme() === "dark" ? "light" : "dark"),
  });

  if (signIn) {
    const onDone = () => {
      setSignIn(false);
      void queries.resetQueries();
    };
    return <SignIn onDone={onDone} hadToken={getToken() !== null} />;
  }
  return (
    <div className="flex h-full">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2"
      >
        Skip to the page
      </a>
      <Sidebar open={drawer} onClose={() => setDrawer(false)} onSearch={() => setOverlay("palette")} />
      <div className="flex min-w-0 flex-1 flex-col">
        <div className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface px-2 lg:hidden">
          <IconButton label="Open the menu" onClick={() => setDrawer(true)}>
            <MenuIcon />
          </IconButton>
          <Mark className="size-5" />
          <span className="font-semibold tracking-tight">Assay</span>
        </div>
        <Connection />
        <main id="main" tabIndex={-1} className="min-h-0 min-w-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      <Suspense>
        {overlay === "palette" ? <Palette onClose={() => setOverlay(null)} /> : null}
        {overlay === "shortcuts" ? <Shortcuts onClose={() => setOverlay(null)} /> : null}
      </Suspense>
      <Toaster />
    </div>
  );
}

function focusFilter(): boolean {
  const input = document.querySelector<HTMLInputElement>("main input[type=search], main input[data-filter]");
  input?.focus();
  return input !== null;
}
