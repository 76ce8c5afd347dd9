/** Dragging, wheel and pinch as steps of the viewer. */
import { type PointerEvent, useCallback, useRef } from "react";

import type { ViewerStep } from "./viewer-state";

interface Place {
  readonly x: number;
  readonly y: number;
}

export function usePanZoom(dispatch: (step: ViewerStep) => void) {
  const fingers = useRef(new Map<number, Place>());

  const handlePointerDown = (event: PointerEvent<HTMLElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  };
  const handlePointerMove = (event: PointerEvent<HTMLElement>) => {
    const before = fingers.current.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1];
    fingers.current.set(event.pointerId, now);
    if (other === undefined) {
      dispatch({ type: "drag", x: now.x - before.x, y: now.y - before.y });
      return;
    }
    // What lies between the fingers grows with their distance, and goes where they go: in this order, since what is
    // not enlarged yet is not dragged.
    const between = fromMiddle(event.currentTarget, { x: (before.x + other.x) / 2, y: (before.y + other.y) / 2 });
    dispatch({ type: "grow", by: distance(now, other) / Math.max(1, distance(before, other)), ...between });
    dispatch({ type: "drag", x: (now.x - before.x) / 2, y: (now.y - before.y) / 2 });
  };
  const handlePointerUp = (event: PointerEvent<HTMLElement>) => {
    fingers.current.delete(event.pointerId);
  };
  // React listens to wheels without a say in what the browser does; two fingers on a touchpad would enlarge the page.
  const listenToWheel = useCallback(
    (element: HTMLElement | null) => {
      if (element === null) return undefined;
      const handleWheel = (event: WheelEvent) => {
        event.preventDefault();
        const at = fromMiddle(element, { x: event.clientX, y: event.clientY });
        dispatch({ type: "grow", by: Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), ...at });
      };
      element.addEventListener("wheel", handleWheel, { passive: false });
      return () => element.removeEventListener("wheel", handleWheel);
    },
    [dispatch],
  );
  return {
    ref: listenToWheel,
    onPointerDown: handlePointerDown,
    onPointerMove: handlePointerMove,
    onPointerUp: handlePointerUp,
    onPointerCancel: handlePointerUp,
  };
}

function fromMiddle(element: HTMLElement, place: Place): Place {
  const box = element.getBoundingClientRect();
  return { x: place.x - box.left - box.width / 2, y: place.y - box.top - box.height / 2 };
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
