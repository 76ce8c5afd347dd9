/** What the app asks about accounts: who one is, where one is signed in, keys for scripts. */
import { type QueryClient, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, setCsrfToken, unwrap } from "@/api/client";

/** Opened by the browser itself: the server sends it on to the provider. */
export const OPENID_SIGN_IN = "/api/sign-in/openid";

export const accountQueries = {
  studio: () =>
    queryOptions({
      queryKey: ["accounts", "studio"],
      queryFn: () => unwrap(api.GET("/api/studio")),
      staleTime: 60_000,
    }),
  me: () =>
    queryOptions({
      queryKey: ["accounts", "me"],
      queryFn: async () => {
        const me = await unwrap(api.GET("/api/me"));
        setCsrfToken(me.csrf_token ?? null);
        return me;
      },
      staleTime: 60_000,
    }),
  sessions: () =>
    queryOptions({ queryKey: ["accounts", "sessions"], queryFn: () => unwrap(api.GET("/api/me/sessions")) }),
  tokens: () => queryOptions({ queryKey: ["accounts", "tokens"], queryFn: () => unwrap(api.GET("/api/me/tokens")) }),
};

/** Nothing of who was here before stays; what is on the page is asked for again. `clear` alone would leave it as it is. */
function forgetAll(client: QueryClient): Promise<void> {
  client.removeQueries({ type: "inactive" });
  return client.resetQueries();
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; password: string }) => unwrap(api.POST("/api/sign-in", { body })),
    onSuccess: (me) => {
      setCsrfToken(me.csrf_token ?? null);
      return forgetAll(client);
    },
  });
}

export function useFirstAdmin() {
  return useMutation({
    mutationFn: (body: { name: string; password: string; setup_code: string }) =>
      unwrap(api.POST("/api/first-admin", { body })),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/sign-out")),
    onSuccess: () => {
      setCsrfToken(null);
      return forgetAll(client);
    },
  });
}

export function useNewPassword() {
  return useMutation({
    mutationFn: (body: { old: string; new: string }) => unwrap(api.PUT("/api/me/password", { body })),
  });
}

export function useDeleteAccount() {
  const client = useQueryClient();
  return useMutation({ mutationFn: () => unwrap(api.DELETE("/api/me")), onSuccess: () => forgetAll(client) });
}

export function useNewToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; expires_at: string | null }) => unwrap(api.POST("/api/me/tokens", { body })),
    onSuccess: () => client.invalidateQueries(accountQueries.tokens()),
  });
}

export function useRevokeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/me/tokens/{token_id}", { params: { path: { token_id: id } } })),
    onSuccess: () => client.invalidateQueries(accountQueries.tokens()),
  });
}

export function useCloseSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/me/sessions/{session_id}", { params: { path: { session_id: id } } })),
    onSuccess: () => client.invalidateQueries(accountQueries.sessions()),
  });
}

/** Begins at the provider; the browser goes there, and comes back with that identity added. */
export function useAddIdentity() {
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/me/openid")),
    onSuccess: (begun) => window.location.assign(begun.url),
  });
}
