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

/** The code of each page, which comes when it is needed, or before that once there is nothing better to do. */
const pages = {
  home: () => import("@/pages/home/home"),
  experiments: () => import("@/pages/experiments/list"),
  experiment: () => import("@/pages/experiments/experiment"),
  run: () => import("@/pages/run/run"),
  compare: () => import("@/pages/compare/compare"),
  models: () => import("@/pages/models/list"),
  model: () => import("@/pages/models/model"),
  version: () => import("@/pages/models/version"),
  collections: () => import("@/pages/collections/list"),
  collectionById: () => import("@/pages/collections/by-id"),
  collection: () => import("@/pages/collections/collection"),
  gates: () => import("@/pages/gates/list"),
  gate: () => import("@/pages/gates/gate"),
  ledger: () => import("@/pages/ledger/ledger"),
  settings: () => import("@/pages/settings/settings"),
  foreign: () => import("@/pages/foreign"),
};

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
  component: lazyRouteComponent(pages.home),
});
const experiments = createRoute({
  getParentRoute: () => root,
  path: "/experiments",
  validateSearch: search.experiments,
  component: lazyRouteComponent(pages.experiments),
});
const experiment = createRoute({
  getParentRoute: () => root,
  path: "/experiments/$experimentId",
  validateSearch: search.runs,
  component: lazyRouteComponent(pages.experiment),
});
const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  validateSearch: search.run,
  component: lazyRouteComponent(pages.run),
});
const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: search.compare,
  component: lazyRouteComponent(pages.compare),
});
const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  validateSearch: search.list,
  component: lazyRouteComponent(pages.models),
});
const model = createRoute({
  getParentRoute: () => root,
  path: "/models/$name",
  validateSearch: search.model,
  component: lazyRouteComponent(pages.model),
});
const version = createRoute({
  getParentRoute: () => root,
  path: "/models/$name/versions/$version",
  validateSearch: search.version,
  component: lazyRouteComponent(pages.version),
});
const collections = createRoute({
  getParentRoute: () => root,
  path: "/collections",
  validateSearch: search.collections,
  component: lazyRouteComponent(pages.collections),
});
const collectionById = createRoute({
  getParentRoute: () => root,
  path: "/collections/by-id/$versionId",
  component: lazyRouteComponent(pages.collectionById),
});
const collection = createRoute({
  getParentRoute: () => root,
  path: "/collections/$name",
  validateSearch: search.collection,
  component: lazyRouteComponent(pages.collection),
});
const gates = createRoute({
  getParentRoute: () => root,
  path: "/gates",
  validateSearch: search.gates,
  component: lazyRouteComponent(pages.gates),
});
const gate = createRoute({
  getParentRoute: () => root,
  path: "/gates/$name",
  component: lazyRouteComponent(pages.gate),
});
const ledger = createRoute({
  getParentRoute: () => root,
  path: "/ledger",
  validateSearch: search.ledger,
  component: lazyRouteComponent(pages.ledger),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  validateSearch: search.settings,
  component: lazyRouteComponent(pages.settings),
});

const foreignProject = createRoute({
  getParentRoute: () => root,
  path: "/open/$entity/$project",
  component: lazyRouteComponent(pages.foreign),
});
const foreign = createRoute({
  getParentRoute: () => root,
  path: "/open/$entity/$project/$",
  component: lazyRouteComponent(pages.foreign),
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

const WARM_AFTER_MS = 3000;

/**
 * Loads the code of all pages, one after the other, so that none of them is missing when the server goes away,
 * or is replaced by a newer one whose files have other names.
 */
export async function warmPages(): Promise<void> {
  await new Promise((done) => setTimeout(done, WARM_AFTER_MS));
  for (const load of Object.values(pages)) await load().catch(() => undefined);
}

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
