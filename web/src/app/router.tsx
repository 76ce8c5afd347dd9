/** All addresses of the app. A page's code is loaded when it is opened. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { FailedPage } from "./routes/failed";
import { tabOf } from "./routes/training-tabs";
import { Shell } from "./shell/shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: lazyRouteComponent(() => import("./routes/not-found"), "NotFoundPage"),
  errorComponent: FailedPage,
});

export const router = createRouter({
  routeTree: root.addChildren([
    createRoute({
      getParentRoute: () => root,
      path: "/",
      validateSearch: tabOf,
      component: lazyRouteComponent(() => import("./routes/training"), "TrainingPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/datasets/$datasetId",
      validateSearch: (search: Record<string, unknown>): { recall?: string } =>
        typeof search["recall"] === "string" ? { recall: search["recall"] } : {},
      component: lazyRouteComponent(() => import("./routes/dataset"), "DatasetPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/datasets/$datasetId/captions",
      component: lazyRouteComponent(() => import("./routes/captions"), "CaptionsPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/runs/$runId",
      component: lazyRouteComponent(() => import("./routes/run"), "RunPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/loras",
      component: lazyRouteComponent(() => import("./routes/loras"), "LorasPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/loras/$loraId",
      component: lazyRouteComponent(() => import("./routes/lora"), "LoraPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/drawings",
      validateSearch: (search: Record<string, unknown>): { lora?: string; grid?: string } => ({
        ...(typeof search.lora === "string" ? { lora: search.lora } : {}),
        ...(typeof search.grid === "string" ? { grid: search.grid } : {}),
      }),
      component: lazyRouteComponent(() => import("./routes/drawings"), "DrawingsPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/account",
      component: lazyRouteComponent(() => import("./routes/account"), "AccountPage"),
    }),
    createRoute({
      getParentRoute: () => root,
      path: "/admin",
      component: lazyRouteComponent(() => import("./routes/admin"), "AdminPage"),
    }),
  ]),
  defaultErrorComponent: FailedPage,
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
