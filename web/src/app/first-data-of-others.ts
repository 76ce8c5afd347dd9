/** First answers of pages that are light themselves; see first-data.ts. */
import i18next from "i18next";

import { accountQueries } from "@/features/accounts/queries";
import { adminQueries } from "@/features/admin/queries";
import { baseModelQueries } from "@/features/base_models/queries";
import { keptDraft } from "@/features/drawings/model/draft";
import { drawingQueries } from "@/features/drawings/queries";
import { loraQueries } from "@/features/loras/queries";
import { runQueries } from "@/features/runs/queries";
import { staminaQueries } from "@/features/stamina/queries";

import { queryClient as client } from "./providers";

/** By the route's path. */
const NEEDED: Readonly<Record<string, (id: string) => Promise<unknown>[]>> = {
  "/runs/$runId": (id) => [
    client.prefetchQuery(runQueries.detail(id)),
    client.prefetchQuery(runQueries.epochs(id)),
    client.prefetchQuery(runQueries.samples(id)),
    client.prefetchQuery(loraQueries.ofRun(id)),
  ],
  "/loras": () => [client.prefetchInfiniteQuery(loraQueries.library({ search: "", family: null }))],
  "/loras/$loraId": (id) => [client.prefetchQuery(loraQueries.baseModels(id)), loraAndItsRun(id)],
  "/drawings": () => [
    client.prefetchQuery(baseModelQueries.list()),
    client.prefetchQuery(loraQueries.all()),
    client.prefetchQuery(drawingQueries.options(keptDraft().baseModel)),
    client.prefetchInfiniteQuery(drawingQueries.gallery({ search: "", lora: null })),
    latestDrawings(),
  ],
  "/account": () => [
    client.prefetchQuery(accountQueries.studio()),
    client.prefetchQuery(accountQueries.tokens()),
    client.prefetchQuery(staminaQueries.plans()),
    client.prefetchInfiniteQuery(staminaQueries.ledger()),
  ],
  "/admin": () => [
    people(),
    client.prefetchQuery(staminaQueries.plans()),
    client.prefetchQuery(adminQueries.queue()),
    client.prefetchQuery(adminQueries.workers()),
    client.prefetchQuery(adminQueries.names()),
    i18next.loadNamespaces("admin"),
  ],
};

export async function prefetchOthers(path: string, id: string): Promise<void> {
  await Promise.allSettled(NEEDED[path]?.(id) ?? []);
}

async function loraAndItsRun(id: string): Promise<void> {
  const { run_id: run } = await client.fetchQuery(loraQueries.detail(id));
  if (run === null) return;
  await Promise.all([client.prefetchQuery(runQueries.detail(run)), client.prefetchQuery(runQueries.samples(run))]);
}

/** The last pictures that were asked for stand above the gallery. */
async function latestDrawings(): Promise<void> {
  const [latest] = await client.fetchQuery(drawingQueries.recent());
  if (latest !== undefined) await client.prefetchQuery(drawingQueries.request(latest.id));
}

/** Where there is nobody but oneself, people are not shown. */
async function people(): Promise<void> {
  const studio = await client.fetchQuery(accountQueries.studio());
  if (studio.sign_in === "password") await client.prefetchInfiniteQuery(adminQueries.people(""));
}
