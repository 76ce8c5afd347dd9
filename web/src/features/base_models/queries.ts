/** What the app asks about base models. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type BaseModel = components["schemas"]["BaseModelShown"];
export type BaseModelChange = components["schemas"]["BaseModelChange"];
export type NewBaseModel = components["schemas"]["NewBaseModel"];

const PAGE = 60;
const WATCHED_MS = 1500;

/** While one is imported, downloaded or hashed, its bar moves. */
function isMoving(models: readonly BaseModel[] | undefined): boolean {
  return models?.some((one) => one.state === "importing" || one.progress != null) ?? false;
}

export const baseModelQueries = {
  /** The first hundred: what a pull-down needs. */
  list: () =>
    queryOptions({
      queryKey: ["base_models", "list"],
      queryFn: () => unwrap(api.GET("/api/base-models", { params: { query: { limit: 100 } } })),
      staleTime: 30_000,
      refetchInterval: (query) => (isMoving(query.state.data?.base_models) ? WATCHED_MS : false),
    }),
  pages: (search: string, family: string) =>
    infiniteQueryOptions({
      queryKey: ["base_models", "pages", search, family],
      queryFn: ({ pageParam }) =>
        unwrap(
          api.GET("/api/base-models", {
            params: {
              query: {
                limit: PAGE,
                offset: pageParam,
                ...(search === "" ? {} : { search }),
                ...(family === "" ? {} : { family }),
              },
            },
          }),
        ),
      initialPageParam: 0,
      getNextPageParam: (page) => page.next_offset ?? undefined,
      refetchInterval: (query) =>
        isMoving(query.state.data?.pages.flatMap((page) => page.base_models)) ? WATCHED_MS : false,
    }),
  detail: (id: string) =>
    queryOptions({
      queryKey: ["base_models", "detail", id],
      queryFn: () => unwrap(api.GET("/api/base-models/{base_model_id}", { params: { path: { base_model_id: id } } })),
      refetchInterval: (query) => (query.state.data !== undefined && isMoving([query.state.data]) ? WATCHED_MS : false),
    }),
};

function useRefresh() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ["base_models"] });
}

export function useRegisterBaseModel() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: Omit<NewBaseModel, "name">) =>
      unwrap(api.POST("/api/base-models", { body: { name: "", ...body } })),
    onSuccess: refresh,
  });
}

export function useChangeBaseModel(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: BaseModelChange) =>
      unwrap(api.PATCH("/api/base-models/{base_model_id}", { params: { path: { base_model_id: id } }, body })),
    onSuccess: refresh,
  });
}

export function useDeleteBaseModel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/base-models/{base_model_id}", { params: { path: { base_model_id: id } } })),
    // Lists only: its own details are still open and would ask for what is gone.
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["base_models", "list"] }),
        client.invalidateQueries({ queryKey: ["base_models", "pages"] }),
      ]),
  });
}

export function useHashBaseModel() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST("/api/base-models/{base_model_id}/hash", { params: { path: { base_model_id: id } } })),
    onSuccess: refresh,
  });
}
