/** What the app asks about base models. */
import { queryOptions } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";

export type BaseModel = components["schemas"]["BaseModelShown"];

export const baseModelQueries = {
  list: (search = "") =>
    queryOptions({
      queryKey: ["base_models", "list", search],
      queryFn: () =>
        unwrap(
          api.GET("/api/base-models", { params: { query: { limit: 100, ...(search === "" ? {} : { search }) } } }),
        ),
      staleTime: 30_000,
    }),
};
