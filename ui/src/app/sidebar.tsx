import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useNavigate } from "@tanstack/react-router";
import {
  BookLock,
  Boxes,
  ChevronsUpDown,
  FlaskConical,
  House,
  Layers,
  Moon,
  Search,
  Settings,
  ShieldCheck,
  Sun,
} from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { currentWorkspace, getToken, setToken } from "@/api/client";
import * as queries from "@/api/queries";
import { IconButton } from "@/design/button";
import { cx } from "@/design/cx";
import { Menu, MenuItem, MenuLine } from "@/design/menu";
import { Mark } from "./mark";
import { chooseTheme, useTheme } from "./theme";

const PLACES = [
  { to: "/", label: "Home", icon: House },
  { to: "/experiments", label: "Experiments", icon: FlaskConical },
  { to: "/collections", label: "Collections", icon: Layers },
  { to: "/models", label: "Models", icon: Boxes },
  { to: "/gates", label: "Gates", icon: ShieldCheck },
  { to: "/ledger", label: "Ledger", icon: BookLock },
] as const;

export function Sidebar({
  open,
  onClose,
  onSearch,
}: {
  open: boolean;
  onClose: () => void;
  onSearch: () => void;
}) {
  const path = useLocation({ select: (location) => location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the drawer closes whenever the page changes
  useEffect(onClose, [path]);
  return (
    <>
      {open ? (
        <button
          type="button"
          aria-label="Close the menu"
          className="fixed inset-0 z-20 bg-shade lg:hidden"
          onClick={onClose}
        />
      ) : null}
      <nav
        aria-label="Main"
        className={cx(
          "z-30 flex w-60 shrink-0 flex-col border-r border-line bg-sunken",
          "max-lg:fixed max-lg:inset-y-0 max-lg:left-0 max-lg:shadow-high",
          !open && "max-lg:hidden",
        )}
      >
        <div className="flex h-14 items-center gap-2 px-3">
          <WorkspaceMenu />
        </div>
        <div className="px-3 pb-3">
          <button
            type="button"
            onClick={onSearch}
            className="flex h-8 w-full items-center gap-2 rounded-md border border-line bg-surface px-2.5 text-left text-sm text-ink-3 shadow-low hover:border-line-strong"
          >
            <Search className="size-3.5" />
            <span className="flex-1">Search</span>
            <kbd className="font-sans text-2xs">Ctrl K</kbd>
          </button>
        </div>
        <ul className="space-y-px px-2">
          {PLACES.map(({ to, label, icon: Icon }) => (
            <Place key={to} to={to} icon={<Icon />} active={to === "/" ? path === "/" : isWithin(path, to)}>
              {label}
            </Place>
          ))}
        </ul>
        <Recent path={path} />
        <div className="mt-auto border-t border-line p-2">
          <ul>
            <Place to="/settings" icon={<Settings />} active={path.startsWith("/settings")}>
              Settings
            </Place>
          </ul>
          <Foot />
        </div>
      </nav>
    </>
  );
}

const isWithin = (path: string, place: string): boolean =>
  path.startsWith(place) ||
  (place === "/experiments" && (path.startsWith("/runs") || path.startsWith("/compare")));

function Place({
  to,
  icon,
  active,
  children,
}: {
  to: string;
  icon: ReactNode;
  active: boolean;
  children: ReactNode;
}) {
  return (
    <li>
      <Link
        to={to}
        aria-current={active ? "page" : undefined}
        className={cx(
          "flex h-8 items-center gap-2.5 rounded-md px-2 text-sm transition-colors [&_svg]:size-4 [&_svg]:shrink-0",
          active
            ? "bg-surface font-medium text-ink shadow-low [&_svg]:text-accent-ink"
            : "text-ink-2 hover:bg-hover hover:text-ink [&_svg]:text-ink-3",
        )}
      >
        {icon}
        {children}
      </Link>
    </li>
  );
}

function Recent({ path }: { path: string }) {
  const { data } = useQuery(queries.experiments());
  if (!data?.length) return null;
  return (
    <div className="mt-5 min-h-0 overflow-y-auto px-2">
      <h2 className="px-2 pb-1 text-2xs font-medium text-ink-3">Recent experiments</h2>
      <ul className="space-y-px">
        {data.slice(0, 8).map((each) => {
          const active = path === `/experiments/${each.experiment_id}`;
          return (
            <li key={each.experiment_id}>
              <Link
                to="/experiments/$experimentId"
                params={{ experimentId: each.experiment_id }}
                aria-current={active ? "page" : undefined}
                className={cx(
                  "block truncate rounded-md px-2 py-1 text-sm",
                  active ? "bg-surface text-ink shadow-low" : "text-ink-2 hover:bg-hover hover:text-ink",
                )}
              >
                {each.name}
              </Link>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function WorkspaceMenu() {
  const { data } = useQuery(queries.workspaces());
  const navigate = useNavigate();
  const now = currentWorkspace();
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          className="flex h-10 w-full min-w-0 items-center gap-2.5 rounded-md px-1.5 text-left hover:bg-hover"
        >
          <Mark className="size-6 shrink-0" />
          <span className="min-w-0 flex-1 leading-tight">
            <span className="block text-sm font-semibold tracking-tight">Assay</span>
            <span className="block truncate text-2xs text-ink-3">{now}</span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" />
          <span className="sr-only">Change the workspace</span>
        </button>
      }
    >
      {(data ?? []).map((each) => (
        <MenuItem
          key={each.name}
          note={each.name === now ? "current" : undefined}
          onSelect={() => void navigate({ to: "/", search: { ws: each.name } })}
        >
          {each.name}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem onSelect={() => void navigate({ to: "/settings" })}>Workspace settings</MenuItem>
    </Menu>
  );
}

function Foot() {
  const { data } = useQuery(queries.whoami());
  const theme = useTheme();
  return (
    <div className="flex h-9 items-center gap-1 pl-2">
      <div
        className="min-w-0 flex-1 truncate text-xs text-ink-3"
        title={data ? `Assay ${data.server_version}` : undefined}
      >
        {data ? (data.kind === "local" ? "Local owner" : data.name) : ""}
      </div>
      {getToken() ? (
        <button
          type="button"
          className="rounded px-1.5 py-1 text-xs text-ink-3 hover:bg-hover hover:text-ink"
          onClick={() => {
            setToken(null);
            window.location.reload();
          }}
        >
          Sign out
        </button>
      ) : null}
      <IconButton
        label={theme === "dark" ? "Light theme" : "Dark theme"}
        keys="T"
        onClick={() => chooseTheme(theme === "dark" ? "light" : "dark")}
      >
        {theme === "dark" ? <Sun /> : <Moon />}
      </IconButton>
    </div>
  );
}
