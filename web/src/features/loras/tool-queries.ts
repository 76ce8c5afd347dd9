/** What the app asks about tools on LoRAs: those that go on or went on, one with what it found, using and cancelling one. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type LoraJob = components["schemas"]["LoraJobShown"];
export type LoraJobInFull = components["schemas"]["LoraJobInFull"];
export type ToolToUse =
  | components["schemas"]["ToConvert"]
  | components["schemas"]["ToMerge"]
  | components["schemas"]["ToMergeInto"]
  | components["schemas"]["ToResize"]
  | components["schemas"]["ToExtract"]
  | components["schemas"]["ToCompare"];
export type Precision = components["schemas"]["ToMerge"]["precision"];

const WATCHED_MS = 1000;

export const isGoingOn = (job: LoraJob): boolean => job.state === "waiting" || job.state === "running";

export const toolQueries = {
  jobs: () =>
    queryOptions({
      queryKey: ["lora_jobs"],
      queryFn: async () => (await unwrap(api.GET("/api/lora-jobs"))).jobs,
      refetchInterval: (query) => (query.state.data?.some(isGoingOn) === true ? WATCHED_MS : false),
    }),
  job: (job_id: string) =>
    queryOptions({
      queryKey: ["lora_jobs", job_id],
      queryFn: () => unwrap(api.GET("/api/lora-jobs/{job_id}", { params: { path: { job_id } } })),
    }),
};

export function useTool() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: ToolToUse) => unwrap(api.POST("/api/lora-jobs", { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["lora_jobs"], exact: true }),
  });
}

export function useCancelTool() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (job_id: string) =>
      unwrap(api.POST("/api/lora-jobs/{job_id}/cancel", { params: { path: { job_id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["lora_jobs"], exact: true }),
  });
}
