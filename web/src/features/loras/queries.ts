/** What the app asks about LoRAs: the library, one of them, what of a run is in it. */
import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type Lora = components["schemas"]["LoraShown"];
export type LoraInFull = components["schemas"]["LoraInFull"];
export type LoraChange = components["schemas"]["LoraChange"];
export type Family = "sd15" | "sd2" | "sdxl" | "flux" | "unknown";

const PAGE = 60;
const at = (lora_id: string) => ({ params: { path: { lora_id } } });

export interface LibraryFilter {
  readonly search: string;
  readonly family: Family | null;
}

export const loraQueries = {
  library: ({ search, family }: LibraryFilter) =>
    infiniteQueryOptions({
      queryKey: ["loras", "library", search, family],
      queryFn: ({ pageParam }: { pageParam: number }) =>
        unwrap(
          api.GET("/api/loras", {
            params: { query: { q: search, offset: pageParam, limit: PAGE, ...(family === null ? {} : { family }) } },
          }),
        ),
      initialPageParam: 0,
      getNextPageParam: (page) => page.next_offset,
      placeholderData: keepPreviousData,
    }),
  /** All of them at once, for names in a prompt. */
  all: () =>
    queryOptions({
      queryKey: ["loras", "all"],
      queryFn: async () => {
        const found: Lora[] = [];
        for (let offset: number | null = 0; offset !== null;) {
          const page: components["schemas"]["LorasShown"] = await unwrap(
            api.GET("/api/loras", { params: { query: { offset, limit: 200 } } }),
          );
          found.push(...page.loras);
          offset = page.next_offset;
        }
        return found;
      },
      staleTime: 30_000,
    }),
  ofRun: (runId: string) =>
    queryOptions({
      queryKey: ["loras", "of-run", runId],
      queryFn: async () =>
        (await unwrap(api.GET("/api/loras", { params: { query: { run_id: runId, limit: 200 } } }))).loras,
    }),
  detail: (id: string) =>
    queryOptions({
      queryKey: ["loras", id, "detail"],
      queryFn: () => unwrap(api.GET("/api/loras/{lora_id}", at(id))),
    }),
  baseModels: (id: string) =>
    queryOptions({
      queryKey: ["loras", id, "base-models"],
      queryFn: async () => (await unwrap(api.GET("/api/loras/{lora_id}/base-models", at(id)))).base_models,
    }),
};

function useRefresh() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ["loras"] });
}

/** Saves a file that a run has left; saving it again gives the one that is there. */
export function useSaveEpoch(runId: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (filename: string) => unwrap(api.POST("/api/loras", { body: { run_id: runId, filename } })),
    onSuccess: refresh,
  });
}

export function useChangeLora(id: string) {
  const client = useQueryClient();
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: LoraChange) => unwrap(api.PATCH("/api/loras/{lora_id}", { ...at(id), body })),
    onSuccess: (lora) => {
      client.setQueryData(loraQueries.detail(id).queryKey, lora);
      return refresh();
    },
  });
}

export function useShowSample(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (sample_id: string) =>
      unwrap(api.PUT("/api/loras/{lora_id}/preview", { ...at(id), body: { sample_id } })),
    onSuccess: refresh,
  });
}

export function useDeleteLora() {
  const client = useQueryClient();
  const refresh = useRefresh();
  const remove = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/loras/{lora_id}", at(id))),
    // Its own page may still be open for a moment, and must not ask for what is gone.
    onSuccess: (_, id) =>
      client.invalidateQueries({ queryKey: ["loras"], predicate: (query) => query.queryKey[1] !== id }),
  });
  const restore = useMutation({
    mutationFn: (id: string) => unwrap(api.POST("/api/loras/{lora_id}/restore", at(id))),
    onSuccess: refresh,
  });
  return { remove, restore };
}
