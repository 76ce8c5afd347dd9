/** What the page at this address needs, in the cache before it is drawn for the first time: drawn once, not in five steps. */
import i18next from "i18next";

import { accountQueries } from "@/features/accounts/queries";
import { captionQueries } from "@/features/captions/queries";
import { datasetQueries } from "@/features/datasets/queries";
import { storedDraft } from "@/features/runs/draft-store";
import { prefetchPlan, recipeOver } from "@/features/runs/first-plan";
import { runQueries } from "@/features/runs/queries";
import { staminaQueries } from "@/features/stamina/queries";

import { queryClient as client } from "./providers";
import { router } from "./router";

/** From the page's start; a studio that is slower than this is waited for in sight. */
const MOST_MS = 800;

/** By the route's path. The answers are on their way already (first-paint.js). */
const NEEDED: Readonly<Record<string, (id: string) => Promise<unknown>[]>> = {
  "/": () => [client.prefetchQuery(datasetQueries.list())],
  "/datasets/$datasetId": (id) => [
    planOf(id),
    client.prefetchQuery(datasetQueries.pictures(id)),
    client.prefetchQuery(runQueries.fields()),
    i18next.loadNamespaces("options"),
  ],
  "/datasets/$datasetId/captions": (id) => [
    client.prefetchQuery(datasetQueries.detail(id)),
    client.prefetchQuery(datasetQueries.pictures(id)),
    client.prefetchQuery(captionQueries.book(id)),
    client.prefetchQuery(captionQueries.known(id)),
  ],
};

async function planOf(id: string): Promise<void> {
  await prefetchPlan(client, recipeOver(await client.fetchQuery(datasetQueries.detail(id)), storedDraft(id)));
}

/** What the lighter pages need is no part of the first load of the heavier ones. */
async function others(path: string, id: string): Promise<void> {
  await (await import("./first-data-of-others")).prefetchOthers(path, id);
}

/** Resolves when it is there, or has taken too long; what failed is asked for again where it is shown. */
export async function firstData(): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, MOST_MS - performance.now())));
  await Promise.race([late, Promise.allSettled([router.load(), ...needed()])]);
}

function needed(): Promise<unknown>[] {
  const match = router.matchRoutes(router.latestLocation).at(-1);
  const path = match?.fullPath ?? "";
  const [id = ""] = Object.values<string | undefined>(match?.params ?? {});
  return [
    client.prefetchQuery(accountQueries.me()),
    client.prefetchQuery(staminaQueries.balance()),
    ...(NEEDED[path]?.(id) ?? [others(path, id)]),
  ];
}
