/** What surrounds every page: looks, server state, notices. */
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Problem } from "@/api/problem";
import { cssVariablesResolver, theme } from "@/theme/theme";
import { Notices } from "@/ui/feedback/late-notices";

export const queryClient = new QueryClient({
  defaultOptions: {
    // Always: a studio on this very machine, or in the house, answers while the internet is away. The default would
    // wait for it without a word.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: 10_000,
      // What was refused stays refused; a studio that is away or busy is asked again.
      retry: (count, error) => count < 3 && error instanceof Problem && (error.isOffline || error.status >= 502),
    },
  },
});

/** The nonce of this page's Content-Security-Policy, which Mantine's own style element needs. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.nonce ?? "";
}

/** Modals lock scrolling by a style element of a library that asks for the nonce here, the name that bundlers gave it. */
(globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = styleNonce();

export function Providers({ children }: { readonly children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariablesResolver}
      defaultColorScheme="auto"
      deduplicateCssVariables={false}
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queryClient}>
        <Notices />
        {children}
      </QueryClientProvider>
    </MantineProvider>
  );
}
