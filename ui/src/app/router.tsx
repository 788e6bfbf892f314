import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";
import { setWorkspace } from "@/api/client";
import { Crash, NotFound } from "./crash";
import { hashRedirect } from "./foreign-links";
import * as search from "./search";
import { Shell } from "./shell";

const root = createRootRoute({
  component: Shell,
  errorComponent: Crash,
  notFoundComponent: NotFound,
  validateSearch: search.root,
  search: { middlewares: [retainSearchParams(["ws"])] },
  beforeLoad: ({ search: found, location }) => {
    setWorkspace(found.ws ?? "default");
    hashRedirect(location.pathname, location.hash);
  },
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("@/pages/home/home")),
});
const experiments = createRoute({
  getParentRoute: () => root,
  path: "/experiments",
  validateSearch: search.experiments,
  component: lazyRouteComponent(() => import("@/pages/experiments/list")),
});
const experiment = createRoute({
  getParentRoute: () => root,
  path: "/experiments/$experimentId",
  validateSearch: search.runs,
  component: lazyRouteComponent(() => import("@/pages/experiments/experiment")),
});
const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  validateSearch: search.run,
  component: lazyRouteComponent(() => import("@/pages/run/run")),
});
const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: search.compare,
  component: lazyRouteComponent(() => import("@/pages/compare/compare")),
});
const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  validateSearch: search.list,
  component: lazyRouteComponent(() => import("@/pages/models/list")),
});
const model = createRoute({
  getParentRoute: () => root,
  path: "/models/$name",
  validateSearch: search.model,
  component: lazyRouteComponent(() => import("@/pages/models/model")),
});
const version = createRoute({
  getParentRoute: () => root,
  path: "/models/$name/versions/$version",
  validateSearch: search.version,
  component: lazyRouteComponent(() => import("@/pages/models/version")),
});
const collections = createRoute({
  getParentRoute: () => root,
  path: "/collections",
  validateSearch: search.collections,
  component: lazyRouteComponent(() => import("@/pages/collections/list")),
});
const collectionById = createRoute({
  getParentRoute: () => root,
  path: "/collections/by-id/$versionId",
  component: lazyRouteComponent(() => import("@/pages/collections/by-id")),
});
const collection = createRoute({
  getParentRoute: () => root,
  path: "/collections/$name",
  validateSearch: search.collection,
  component: lazyRouteComponent(() => import("@/pages/collections/collection")),
});
const gates = createRoute({
  getParentRoute: () => root,
  path: "/gates",
  validateSearch: search.gates,
  component: lazyRouteComponent(() => import("@/pages/gates/list")),
});
const gate = createRoute({
  getParentRoute: () => root,
  path: "/gates/$name",
  component: lazyRouteComponent(() => import("@/pages/gates/gate")),
});
const ledger = createRoute({
  getParentRoute: () => root,
  path: "/ledger",
  validateSearch: search.ledger,
  component: lazyRouteComponent(() => import("@/pages/ledger/ledger")),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  validateSearch: search.settings,
  component: lazyRouteComponent(() => import("@/pages/settings/settings")),
});

const foreignProject = createRoute({
  getParentRoute: () => root,
  path: "/open/$entity/$project",
  component: lazyRouteComponent(() => import("@/pages/foreign")),
});
const foreign = createRoute({
  getParentRoute: () => root,
  path: "/open/$entity/$project/$",
  component: lazyRouteComponent(() => import("@/pages/foreign")),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    experiments,
    experiment,
    run,
    compare,
    models,
    model,
    version,
    collections,
    collectionById,
    collection,
    gates,
    gate,
    ledger,
    settings,
    foreignProject,
    foreign,
  ]),
  defaultErrorComponent: Crash,
  defaultPreload: "intent",
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
