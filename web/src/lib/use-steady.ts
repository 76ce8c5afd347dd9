/** Functions that stay the same from drawing to drawing, so that parts which are handed them need not be drawn again. */
import { useCallback, useLayoutEffect, useRef } from "react";

/** One function for good, which does what the last drawing's did. Not to be called while drawing. */
export function useSteady<Arguments extends readonly unknown[], Result>(
  act: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  const last = useRef(act);
  useLayoutEffect(() => {
    last.current = act;
  });
  return useCallback((...given: Arguments) => last.current(...given), []);
}
