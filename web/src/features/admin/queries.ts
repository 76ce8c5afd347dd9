/** What an administrator asks: people, workers, what waits. Never anybody's pictures or prompts. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";

const PAGE = 50;
const MOST_NAMES = 200;
const EVERY_MS = 3000;

const people = ["admin", "people"] as const;

export const adminQueries = {
  people: (search: string) =>
    infiniteQueryOptions({
      queryKey: [...people, "list", search],
      queryFn: ({ pageParam }: { pageParam: string | null }) =>
        unwrap(
          api.GET("/api/admin/accounts", {
            params: { query: { search, limit: PAGE, ...(pageParam === null ? {} : { after: pageParam }) } },
          }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
    }),
  /** Names by id, to say whose a job is. */
  names: () =>
    queryOptions({
      queryKey: [...people, "names"],
      queryFn: () => unwrap(api.GET("/api/admin/accounts", { params: { query: { limit: MOST_NAMES } } })),
      select: (list) => new Map(list.map((one) => [one.id, one.name])),
      staleTime: 60_000,
    }),
  workers: () =>
    queryOptions({
      queryKey: ["admin", "workers"],
      queryFn: () => unwrap(api.GET("/api/admin/workers")),
      refetchInterval: EVERY_MS,
    }),
  queue: () =>
    queryOptions({
      queryKey: ["admin", "queue"],
      queryFn: () => unwrap(api.GET("/api/admin/queue", { params: { query: { limit: 100 } } })),
      refetchInterval: EVERY_MS,
    }),
};

function usePeopleChange<Variables, Data>(mutationFn: (variables: Variables) => Promise<Data>) {
  const client = useQueryClient();
  return useMutation({ mutationFn, onSuccess: () => client.invalidateQueries({ queryKey: people }) });
}

export function useCreatePerson() {
  return usePeopleChange((body: { name: string; is_admin: boolean; plan_name: string }) =>
    unwrap(api.POST("/api/admin/accounts", { body })),
  );
}

export function useChangePerson() {
  return usePeopleChange(({ id, ...body }: { id: string; plan_name?: string; is_admin?: boolean }) =>
    unwrap(api.PATCH("/api/admin/accounts/{account_id}", { params: { path: { account_id: id } }, body })),
  );
}

export function useResetPassword() {
  return usePeopleChange((id: string) =>
    unwrap(api.POST("/api/admin/accounts/{account_id}/password", { params: { path: { account_id: id } } })),
  );
}

export function useRevokeKeys() {
  return usePeopleChange((id: string) =>
    unwrap(api.DELETE("/api/admin/accounts/{account_id}/keys", { params: { path: { account_id: id } } })),
  );
}

export function useDeletePerson() {
  return usePeopleChange((id: string) =>
    unwrap(api.DELETE("/api/admin/accounts/{account_id}", { params: { path: { account_id: id } } })),
  );
}

export function useCancelJob() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (job_id: string) =>
      unwrap(api.POST("/api/admin/queue/{job_id}/cancel", { params: { path: { job_id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["admin", "queue"] }),
  });
}
