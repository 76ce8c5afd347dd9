/** The window's inner size, known when a page is drawn for the first time. Mantine's useViewportSize tells it later. */
import { useSyncExternalStore } from "react";

/** In CSS pixels. */
export function useViewport(): { readonly width: number; readonly height: number } {
  const width = useSyncExternalStore(onResize, () => window.innerWidth);
  const height = useSyncExternalStore(onResize, () => window.innerHeight);
  return { width, height };
}

function onResize(listen: () => void) {
  window.addEventListener("resize", listen, { passive: true });
  return () => window.removeEventListener("resize", listen);
}
