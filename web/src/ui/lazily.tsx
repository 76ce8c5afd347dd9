/** Parts of a page whose code comes when they are first shown: dialogs, panels, what lies below the first screen. */
import { type ComponentType, createElement, lazy, type ReactNode, Suspense } from "react";

import { whenIdle } from "@/lib/idle";

const AGAIN_MS = 2000;

/** What `load` brings, asked for again while the studio is away: one failure would else be the whole page's for good. */
export async function loaded<Part>(load: () => Promise<Part>, triesLeft = 150): Promise<Part> {
  try {
    return await load();
  } catch (error) {
    if (triesLeft === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return loaded(load, triesLeft - 1);
  }
}

/**
 * The component that `load` brings, as one that can be used at once. Its code also comes when the page is idle, so that
 * a dialog opens without a wait, and while the studio is away.
 */
export function lazily<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  fallback: ReactNode = null,
): (props: Props) => ReactNode {
  const Loaded = lazy(async () => ({ default: await loaded(load) }));
  whenIdle(load);
  return function Lazily(props: Props) {
    return <Suspense fallback={fallback}>{createElement(Loaded as ComponentType<Props>, props)}</Suspense>;
  };
}
