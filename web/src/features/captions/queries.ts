/** What the app asks about captions: the union, filters, commands and the server's journal of them. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type EditToMake = components["schemas"]["EditToMake"];

const at = (dataset_id: string) => ({ params: { path: { dataset_id } } });

export const captionQueries = {
  union: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "captions", "union"],
      queryFn: () => unwrap(api.GET("/api/datasets/{dataset_id}/captions/union", at(id))),
    }),
  edits: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "captions", "edits"],
      queryFn: () => unwrap(api.GET("/api/datasets/{dataset_id}/captions/edits", at(id))),
    }),
};

/** Commands on captions, and taking them back through the journal. All that shows the dataset is asked anew. */
export function useCaptionEdits(id: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ["datasets", id] });
  const edit = useMutation({
    mutationFn: (body: EditToMake) =>
      unwrap(api.POST("/api/datasets/{dataset_id}/captions/edits", { ...at(id), body })),
    onSuccess,
  });
  const undo = useMutation({
    mutationFn: () => unwrap(api.POST("/api/datasets/{dataset_id}/captions/undo", at(id))),
    onSuccess,
  });
  const redo = useMutation({
    mutationFn: () => unwrap(api.POST("/api/datasets/{dataset_id}/captions/redo", at(id))),
    onSuccess,
  });
  return { edit, undo, redo };
}
