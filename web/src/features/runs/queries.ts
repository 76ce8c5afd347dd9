/** What the app asks about runs: recipes, plans, history, one run with its curve and files. */
import { keepPreviousData, type QueryClient, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import { baseModelQueries } from "@/features/base_models/public";
import type { OptionField, OptionValues } from "@/ui/option-form/option-fields";

import { baseModelOf, complete, suitedValues } from "./model/draft";

export type Run = components["schemas"]["RunShown"];
export type RunInList = components["schemas"]["RunInList"];
export type PlannedRun = components["schemas"]["PlannedRunShown"];
export type Preset = components["schemas"]["PresetShown"];
export type Epoch = components["schemas"]["EpochShown"];
export type Sample = components["schemas"]["enogu__runs__api__SampleShown"];

const at = (run_id: string) => ({ params: { path: { run_id } } });
const TYPES = { bool: "bool", int: "int", float: "float", str: "text", list: "texts" } as const;

export const runQueries = {
  fields: () =>
    queryOptions({
      queryKey: ["runs", "fields"],
      queryFn: async () => (await unwrap(api.GET("/api/recipe/schema"))).fields,
      staleTime: Infinity,
    }),
  /** By name, over all datasets: to recall a recipe. */
  search: (text: string) =>
    queryOptions({
      queryKey: ["runs", "search", text],
      queryFn: () =>
        unwrap(api.GET("/api/runs", { params: { query: { limit: 50, ...(text === "" ? {} : { text }) } } })),
    }),
  recipe: (id: string) =>
    queryOptions({
      queryKey: ["runs", id, "recipe"],
      queryFn: () => unwrap(api.GET("/api/runs/{run_id}/recipe", at(id))),
      staleTime: Infinity,
    }),
  diff: (before: OptionValues, after: OptionValues) =>
    queryOptions({
      queryKey: ["runs", "diff", before, after],
      queryFn: () => unwrap(api.POST("/api/recipe/diff", { body: { before: { ...before }, after: { ...after } } })),
      retry: false,
    }),
  presets: () => queryOptions({ queryKey: ["runs", "presets"], queryFn: () => unwrap(api.GET("/api/presets")) }),
  check: (recipe: OptionValues) =>
    queryOptions({
      queryKey: ["runs", "check", recipe],
      queryFn: () => unwrap(api.POST("/api/recipe/check", { body: { recipe: { ...recipe } } })),
      placeholderData: keepPreviousData,
    }),
  plan: (datasetId: string, recipe: OptionValues, revision: number) =>
    queryOptions({
      queryKey: ["runs", "plan", datasetId, recipe, revision],
      queryFn: () => unwrap(api.POST("/api/runs/plan", { body: { dataset_id: datasetId, recipe: { ...recipe } } })),
      placeholderData: keepPreviousData,
      retry: false,
    }),
  list: (datasetId?: string) =>
    queryOptions({
      queryKey: ["runs", "list", datasetId ?? ""],
      queryFn: () =>
        unwrap(
          api.GET("/api/runs", {
            params: { query: { limit: 50, ...(datasetId === undefined ? {} : { dataset_id: datasetId }) } },
          }),
        ),
    }),
  detail: (id: string) =>
    queryOptions({ queryKey: ["runs", id, "detail"], queryFn: () => unwrap(api.GET("/api/runs/{run_id}", at(id))) }),
  losses: (id: string) =>
    queryOptions({
      queryKey: ["runs", id, "losses"],
      queryFn: () =>
        unwrap(api.GET("/api/runs/{run_id}/losses", { params: { path: { run_id: id }, query: { points: 2000 } } })),
    }),
  epochs: (id: string) =>
    queryOptions({
      queryKey: ["runs", id, "epochs"],
      queryFn: () => unwrap(api.GET("/api/runs/{run_id}/epochs", at(id))),
    }),
  samples: (id: string) =>
    queryOptions({
      queryKey: ["runs", id, "samples"],
      queryFn: () => unwrap(api.GET("/api/runs/{run_id}/samples", at(id))),
    }),
};

export function optionFields(fields: components["schemas"]["FieldShown"][]): OptionField[] {
  return fields.map((field) => ({
    path: field.path,
    kind: field.kind,
    type: TYPES[field.type],
    mayBeUnset: field.may_be_unset,
    choices: field.choices,
    default: (field.default ?? null) as OptionField["default"],
    low: field.low ?? null,
    high: field.high ?? null,
    step: field.step ?? null,
    lowIsOpen: field.low_is_open,
    highIsOpen: field.high_is_open,
    isAdvanced: field.advanced,
    sorts: field.families,
    otherName: field.kohya,
  }));
}

/**
 * A recipe of another time as it was: what it left to the defaults is set to them where the base model's own suiting
 * values would else hold. Unless given, the base model is its own.
 */
export async function completedRecipe(
  client: QueryClient,
  recipe: OptionValues,
  baseModel = baseModelOf(recipe),
): Promise<OptionValues> {
  const gone = () => undefined; // Without its base model nothing suits it.
  const [check, presets, model] = await Promise.all([
    client.fetchQuery(runQueries.check(recipe)),
    client.ensureQueryData(runQueries.presets()),
    client.fetchQuery({ ...baseModelQueries.detail(baseModel), retry: false }).catch(gone),
  ]);
  return complete(recipe, suitedValues(model, presets), check.recipe ?? {});
}

export function useStartRun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: components["schemas"]["RunToStart"]) =>
      unwrap(api.POST("/api/runs", { body, params: { header: { "idempotency-key": crypto.randomUUID() } } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["runs", "list"] });
      void client.invalidateQueries({ queryKey: ["stamina"] });
    },
  });
}

type Steering = "cancel" | "pause" | "resume" | "save-now" | "sample-now";

export function useSteerRun(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (how: Steering) => {
      switch (how) {
        case "cancel":
          return unwrap(api.POST("/api/runs/{run_id}/cancel", at(id)));
        case "pause":
          return unwrap(api.POST("/api/runs/{run_id}/pause", at(id)));
        case "resume":
          return unwrap(api.POST("/api/runs/{run_id}/resume", at(id)));
        case "save-now":
          return unwrap(api.POST("/api/runs/{run_id}/save-now", at(id)));
        case "sample-now":
          return unwrap(api.POST("/api/runs/{run_id}/sample-now", at(id)));
      }
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["runs", id] }),
  });
}

export function useRetryRun(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (changes: Record<string, unknown>) =>
      unwrap(api.POST("/api/runs/{run_id}/retry", { ...at(id), body: { changes } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["runs"] }),
  });
}

export function useSavePreset() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; recipe: Record<string, unknown> }) =>
      unwrap(api.POST("/api/presets", { body: { ...body, purpose: "" } })),
    onSuccess: () => client.invalidateQueries(runQueries.presets()),
  });
}

export function useDeletePreset() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (preset_id: string) =>
      unwrap(api.DELETE("/api/presets/{preset_id}", { params: { path: { preset_id } } })),
    onSuccess: () => client.invalidateQueries(runQueries.presets()),
  });
}

/** Settings of kohya_ss, sd-scripts or ai-toolkit as a recipe, with a remark on each (F33). */
export function useImportRecipe() {
  return useMutation({
    mutationFn: (files: { name: string; text: string }[]) =>
      unwrap(api.POST("/api/recipe/import", { body: { files } })),
  });
}
