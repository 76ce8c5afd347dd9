/** What the app asks about datasets: lists, pictures, settings, tasks. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type Dataset = components["schemas"]["DatasetShown"];
export type Picture = components["schemas"]["enogu__datasets__shown__PictureShown"];
export type Task = components["schemas"]["TaskShown"];
export type Findings = components["schemas"]["FindingsShown"];
export type ImportReport = components["schemas"]["ImportShown"];
export type DatasetChange = components["schemas"]["DatasetChange"];

const at = (dataset_id: string) => ({ params: { path: { dataset_id } } });

export const datasetQueries = {
  list: (search = "") =>
    queryOptions({
      queryKey: ["datasets", "list", search],
      queryFn: () =>
        unwrap(api.GET("/api/datasets", { params: { query: { limit: 100, ...(search === "" ? {} : { search }) } } })),
    }),
  samples: () =>
    queryOptions({
      queryKey: ["datasets", "samples"],
      queryFn: () => unwrap(api.GET("/api/datasets/samples")),
      staleTime: Infinity,
    }),
  detail: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "detail"],
      queryFn: () => unwrap(api.GET("/api/datasets/{dataset_id}", at(id))),
    }),
  pictures: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "pictures"],
      queryFn: async () => {
        const pictures: Picture[] = [];
        for (;;) {
          const page = await unwrap(
            api.GET("/api/datasets/{dataset_id}/pictures", {
              params: { path: { dataset_id: id }, query: { start: pictures.length, limit: 1000 } },
            }),
          );
          pictures.push(...page.pictures);
          if (page.pictures.length === 0 || pictures.length >= page.total) return { ...page, pictures };
        }
      },
    }),
  findings: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "findings"],
      queryFn: () => unwrap(api.GET("/api/datasets/{dataset_id}/findings", at(id))),
    }),
  tasks: (id: string) =>
    queryOptions({
      queryKey: ["datasets", id, "tasks"],
      queryFn: () => unwrap(api.GET("/api/datasets/{dataset_id}/tasks", at(id))),
    }),
  taggers: () =>
    queryOptions({
      queryKey: ["datasets", "taggers"],
      queryFn: () => unwrap(api.GET("/api/taggers")),
      staleTime: 60_000,
    }),
};

function useOfDataset() {
  const client = useQueryClient();
  return (id: string) => client.invalidateQueries({ queryKey: ["datasets", id] });
}

export function useCreateDataset() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/datasets", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets", "list"] }),
  });
}

export function useAddSample() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/datasets/samples", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets", "list"] }),
  });
}

/** Shown before the server has answered; what it refused is as it was, which whoever calls says. */
export function useChangeDataset(id: string) {
  const client = useQueryClient();
  const key = datasetQueries.detail(id).queryKey;
  const mutationKey = ["datasets", id, "change"];
  const isLast = () => client.isMutating({ mutationKey }) === 1;
  return useMutation({
    mutationKey,
    scope: { id: mutationKey.join() },
    mutationFn: (body: DatasetChange) => unwrap(api.PATCH("/api/datasets/{dataset_id}", { ...at(id), body })),
    onMutate: async (body) => {
      await client.cancelQueries({ queryKey: key });
      const before = client.getQueryData(key);
      client.setQueryData(key, (dataset) => (dataset === undefined ? undefined : changed(dataset, body)));
      return before;
    },
    onSuccess: (dataset) => {
      // While more is on its way, what that will make of it is shown already.
      if (isLast()) client.setQueryData(key, dataset);
      void client.invalidateQueries({ queryKey: ["datasets", "list"] });
      void client.invalidateQueries({ queryKey: ["datasets", id, "pictures"] });
    },
    onError: (_error, _body, before) => {
      client.setQueryData(key, before);
      void client.invalidateQueries({ queryKey: key });
    },
  });
}

/** As it will be, as far as that can be foreseen. */
function changed(dataset: Dataset, { name, trigger, crop, tag }: DatasetChange): Dataset {
  return {
    ...dataset,
    name: name ?? dataset.name,
    trigger: trigger ?? dataset.trigger,
    crop: { ...dataset.crop, ...given(crop) },
    tag: { ...dataset.tag, ...given(tag) },
  };
}

/** What is to be changed: null stands for "as it is", but for the threshold, where it is what the tagger recommends. */
function given<Change extends object>(
  change: Change | null | undefined,
): { [Key in keyof Change]: NonNullable<Change[Key]> } {
  const entries = Object.entries(change ?? {}).filter(([name, value]) => value !== null || name === "threshold");
  return Object.fromEntries(entries) as never;
}

export function useDeleteDataset() {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["datasets", "list"] });
  const restore = useMutation({
    mutationFn: (id: string) => unwrap(api.POST("/api/datasets/{dataset_id}/restore", at(id))),
    onSuccess: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/datasets/{dataset_id}", at(id))),
    onSuccess: refresh,
  });
  return { remove, restore };
}

export function useRemovePictures(id: string) {
  const refresh = useOfDataset();
  const remove = useMutation({
    mutationFn: (ids: string[]) =>
      unwrap(api.POST("/api/datasets/{dataset_id}/pictures/remove", { ...at(id), body: { ids } })),
    onSuccess: () => refresh(id),
  });
  const restore = useMutation({
    mutationFn: (ids: string[]) =>
      unwrap(api.POST("/api/datasets/{dataset_id}/pictures/restore", { ...at(id), body: { ids } })),
    onSuccess: () => refresh(id),
  });
  return { remove, restore };
}

export function useHandCrop(id: string) {
  const refresh = useOfDataset();
  const pictureAt = (picture_id: string) => ({ params: { path: { dataset_id: id, picture_id } } });
  const crop = useMutation({
    mutationFn: ({ pictureId, box }: { pictureId: string; box: components["schemas"]["HandCrop"] }) =>
      unwrap(api.PUT("/api/datasets/{dataset_id}/pictures/{picture_id}/crop", { ...pictureAt(pictureId), body: box })),
    onSuccess: () => refresh(id),
  });
  const reset = useMutation({
    mutationFn: (pictureId: string) =>
      unwrap(api.DELETE("/api/datasets/{dataset_id}/pictures/{picture_id}/crop", pictureAt(pictureId))),
    onSuccess: () => refresh(id),
  });
  return { crop, reset };
}

/** Whether pictures are to be learnt or only keep what the base model knows, and which part of one is learnt (F28). */
export function useRoles(id: string) {
  const refresh = useOfDataset();
  const pictureAt = (picture_id: string) => ({ params: { path: { dataset_id: id, picture_id } } });
  const role = useMutation({
    mutationFn: ({ ids, isRegularisation }: { ids: string[]; isRegularisation: boolean }) =>
      unwrap(
        api.PUT("/api/datasets/{dataset_id}/pictures/role", {
          ...at(id),
          body: { ids, is_regularisation: isRegularisation },
        }),
      ),
    onSuccess: () => refresh(id),
  });
  const mask = useMutation({
    mutationFn: ({ pictureId, file }: { pictureId: string; file: File }) => {
      const form = new FormData();
      form.append("files", file, file.name);
      return unwrap(
        api.PUT("/api/datasets/{dataset_id}/pictures/{picture_id}/mask", {
          ...pictureAt(pictureId),
          body: { files: [] },
          bodySerializer: () => form,
        }),
      );
    },
    onSuccess: () => refresh(id),
  });
  const unmask = useMutation({
    mutationFn: (pictureId: string) =>
      unwrap(api.DELETE("/api/datasets/{dataset_id}/pictures/{picture_id}/mask", pictureAt(pictureId))),
    onSuccess: () => refresh(id),
  });
  return { role, mask, unmask };
}

export function useCropAndTag(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: components["schemas"]["TaskToDo"]) =>
      unwrap(api.POST("/api/datasets/{dataset_id}/crop-and-tag", { ...at(id), body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets", id, "tasks"] }),
  });
}

export function useCancelTask(id: string) {
  const refresh = useOfDataset();
  return useMutation({
    mutationFn: (job_id: string) =>
      unwrap(
        api.POST("/api/datasets/{dataset_id}/tasks/{job_id}/cancel", { params: { path: { dataset_id: id, job_id } } }),
      ),
    onSuccess: () => refresh(id),
  });
}
