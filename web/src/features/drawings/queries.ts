/** What the app asks about drawings: what the form offers, requests and how far they are, the gallery. */
import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, sendForm, unwrap } from "@/api/client";
import { follow } from "@/api/live";
import type { components } from "@/api/schema";

export type Drawing = components["schemas"]["DrawingShown"];
export type DrawingRequest = components["schemas"]["RequestShown"];
type Cell = components["schemas"]["CellShown"];
/** As the client hands it on: it knows no pairs, only lists. */
export type RequestInFull = Omit<components["schemas"]["RequestInFull"], "cells"> & {
  readonly cells: readonly (Omit<Cell, "places"> & { readonly places: readonly (readonly number[])[] })[];
};
export type FormOptions = components["schemas"]["FormOptions"];
export type FormRead = components["schemas"]["FormRead"];
export type PicturesToDraw = components["schemas"]["PicturesToDraw"];
export type ComparisonToDraw = components["schemas"]["ComparisonToDraw"];

const PAGE = 60;
const at = (request_id: string) => ({ params: { path: { request_id } } });

export interface GalleryFilter {
  readonly search: string;
  readonly lora: string | null;
}

export const drawingQueries = {
  options: (baseModel: string) =>
    queryOptions({
      queryKey: ["drawings", "options", baseModel],
      queryFn: () => unwrap(api.GET("/api/drawings/options", { params: { query: { base_model: baseModel } } })),
      staleTime: 60_000,
      placeholderData: keepPreviousData,
    }),
  recent: () =>
    queryOptions({
      queryKey: ["drawings", "recent"],
      queryFn: async () =>
        (await unwrap(api.GET("/api/drawings/requests", { params: { query: { limit: 20 } } }))).requests,
    }),
  comparisons: () =>
    infiniteQueryOptions({
      queryKey: ["drawings", "comparisons"],
      queryFn: ({ pageParam }: { pageParam: string | null }) =>
        unwrap(
          api.GET("/api/drawings/requests", {
            params: { query: { kind: "comparison", limit: 20, ...(pageParam === null ? {} : { before: pageParam }) } },
          }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next_before,
    }),
  request: (id: string) =>
    queryOptions({
      queryKey: ["drawings", "request", id],
      queryFn: (): Promise<RequestInFull> => unwrap(api.GET("/api/drawings/requests/{request_id}", at(id))),
    }),
  gallery: ({ search, lora }: GalleryFilter) =>
    infiniteQueryOptions({
      queryKey: ["drawings", "gallery", search, lora],
      queryFn: ({ pageParam }: { pageParam: string | null }) =>
        unwrap(
          api.GET("/api/drawings", {
            params: {
              query: {
                q: search,
                limit: PAGE,
                ...(lora === null ? {} : { lora }),
                ...(pageParam === null ? {} : { before: pageParam }),
              },
            },
          }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next_before,
      placeholderData: keepPreviousData,
    }),
};

function useTakeRequest() {
  const client = useQueryClient();
  return (request: RequestInFull) => {
    client.setQueryData(drawingQueries.request(request.id).queryKey, request);
    client.setQueryData(drawingQueries.recent().queryKey, (known) => [
      request,
      ...(known ?? []).filter((one) => one.id !== request.id),
    ]);
  };
}

export function useDraw() {
  const take = useTakeRequest();
  return useMutation({
    mutationFn: (body: PicturesToDraw): Promise<RequestInFull> => unwrap(api.POST("/api/drawings", { body })),
    onSuccess: take,
  });
}

export function useCompare() {
  const client = useQueryClient();
  const take = useTakeRequest();
  return useMutation({
    mutationFn: (body: ComparisonToDraw): Promise<RequestInFull> =>
      unwrap(api.POST("/api/drawings/comparison", { body })),
    onSuccess: (request) => {
      take(request);
      return client.invalidateQueries({ queryKey: ["drawings", "comparisons"] });
    },
  });
}

export function useEndRequest(id: string) {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["drawings"] });
  const cancel = useMutation({
    mutationFn: () => unwrap(api.POST("/api/drawings/requests/{request_id}/cancel", at(id))),
    onSettled: refresh,
  });
  const goOn = useMutation({
    mutationFn: () => unwrap(api.POST("/api/drawings/requests/{request_id}/continue", at(id))),
    onSettled: refresh,
  });
  return { cancel, goOn };
}

export function useRemoveDrawings() {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["drawings"] });
  const remove = useMutation({
    mutationFn: (ids: readonly string[]) => unwrap(api.POST("/api/drawings/delete", { body: { ids: [...ids] } })),
    onSuccess: refresh,
  });
  const restore = useMutation({
    mutationFn: (ids: readonly string[]) => unwrap(api.POST("/api/drawings/restore", { body: { ids: [...ids] } })),
    onSuccess: refresh,
  });
  return { remove, restore };
}

/** Some drawings as one zip, given to the browser as a download. */
export function useDownloadDrawings() {
  return useMutation({
    mutationFn: async (ids: readonly string[]) => {
      const zip = await unwrap<unknown>(
        api.POST("/api/drawings/download", { body: { ids: [...ids] }, parseAs: "blob" }),
      );
      const url = URL.createObjectURL(zip as Blob);
      const link = document.createElement("a");
      link.href = url;
      link.download = "drawings.zip";
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
  });
}

export function useReadPicture() {
  return useMutation({
    mutationFn: (file: File) => {
      const form = new FormData();
      form.set("file", file);
      return sendForm<FormRead>("/api/drawings/read-parameters", form);
    },
  });
}

export const OVER: readonly DrawingRequest["state"][] = ["done", "failed", "cancelled"];

/** Puts what happens to a request into its query as it happens; says whether the line holds. */
export function useFollowedRequest(id: string, isOver: boolean): boolean {
  const client = useQueryClient();
  const [isConnected, setIsConnected] = useState(true);
  useEffect(() => {
    if (isOver) return;
    const key = drawingQueries.request(id).queryKey;
    const refresh = () => void client.invalidateQueries({ queryKey: ["drawings"] });
    const stop = follow(`/api/drawings/requests/${id}/events`, ["drawn", "changed"], 0, {
      onConnection: setIsConnected,
      onEvent: ({ kind, data }) =>
        client.setQueryData(key, (known) => {
          if (known === undefined) return known;
          if (kind === "changed") return { ...known, ...(data as DrawingRequest) };
          const drawn = data as Drawing;
          const others = known.drawings.filter((one) => one.id !== drawn.id);
          return { ...known, drawings: [...others, drawn].sort((a, b) => a.number - b.number) };
        }),
      onEnd: refresh,
    });
    return () => {
      stop();
      refresh(); // the last event may end the listening before the stream says that it is over
    };
  }, [client, id, isOver]);
  return isConnected || isOver;
}
