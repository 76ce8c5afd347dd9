/** Parts of a page whose code comes when they are first shown: dialogs, panels, what lies below the first screen. */
import { type ComponentType, createElement, lazy, type ReactNode, Suspense, useState } from "react";

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
 * a dialog opens without a wait, and while the studio is away. What is there already is drawn with the rest: React shows
 * what it had to wait for, however shortly, 300 ms later.
 */
export function lazily<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  fallback: ReactNode = null,
): (props: Props) => ReactNode {
  let there: ComponentType<Props> | undefined;
  const bring = async () => (there = await load());
  const Late = lazy(async () => ({ default: await loaded(bring) })) as ComponentType<Props>;
  whenIdle(bring);
  return function Lazily(props: Props) {
    const [Part] = useState(() => there ?? Late);
    return <Suspense fallback={fallback}>{createElement(Part, props)}</Suspense>;
  };
}
