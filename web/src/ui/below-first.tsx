/** What lies below the first screen: there when it comes into sight, or else when the page has nothing else to do. */
import { type ReactNode, startTransition, useEffect, useRef, useState } from "react";

import { whenIdle } from "@/lib/idle";

export interface BelowFirstProps {
  /** About how high it will be, in pixels, so that little moves when it comes. */
  readonly height: number;
  /** Best the same element each time (`useMemo`): a new one, while its code is on its way, is drawn before the next key. */
  readonly children: ReactNode;
}

export function BelowFirst({ height, children }: BelowFirstProps) {
  const place = useRef<HTMLDivElement>(null);
  const [isDue, setIsDue] = useState(false);
  useEffect(() => {
    if (place.current === null) return undefined;
    const show = () => startTransition(() => setIsDue(true));
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && show());
    watch.observe(place.current);
    whenIdle(() => Promise.resolve(show()));
    return () => watch.disconnect();
  }, []);
  return isDue ? children : <div ref={place} style={{ minHeight: height }} data-below-first />;
}
