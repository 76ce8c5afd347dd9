/** What the app asks about stamina: balance, plans, ledger. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";

const PAGE = 50;

export const staminaQueries = {
  balance: () => queryOptions({ queryKey: ["stamina", "balance"], queryFn: () => unwrap(api.GET("/api/stamina")) }),
  plans: () =>
    queryOptions({
      queryKey: ["stamina", "plans"],
      queryFn: () => unwrap(api.GET("/api/stamina/plans")),
      staleTime: Infinity,
    }),
  ledger: () =>
    infiniteQueryOptions({
      queryKey: ["stamina", "ledger"],
      queryFn: ({ pageParam }: { pageParam: number | null }) =>
        unwrap(
          api.GET("/api/stamina/ledger", {
            params: { query: { limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) } },
          }),
        ),
      initialPageParam: null as number | null,
      getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.number),
    }),
};

export function useTrial() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (plan: string) => unwrap(api.POST("/api/stamina/trials", { body: { plan } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["stamina"] }),
  });
}
