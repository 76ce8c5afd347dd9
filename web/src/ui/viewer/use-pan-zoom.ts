/** Dragging, wheel and pinch as places of the viewer. */
import { type PointerEvent, useRef, type WheelEvent } from "react";

import type { ViewerState, ViewerStep } from "./viewer-state";

interface Finger {
  readonly x: number;
  readonly y: number;
}

export function usePanZoom(state: ViewerState, dispatch: (step: ViewerStep) => void) {
  const fingers = useRef(new Map<number, Finger>());

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
      if (state.zoom > 1)
        dispatch({ type: "place", zoom: state.zoom, x: state.x + now.x - before.x, y: state.y + now.y - before.y });
      return;
    }
    const grown = distance(now, other) / Math.max(1, distance(before, other));
    dispatch({ type: "place", zoom: state.zoom * grown, x: state.x * grown, y: state.y * grown });
  };
  const handlePointerUp = (event: PointerEvent<HTMLElement>) => {
    fingers.current.delete(event.pointerId);
  };
  const handleWheel = (event: WheelEvent<HTMLElement>) => {
    const grown = Math.exp(-event.deltaY / 400);
    const zoom = state.zoom * grown;
    if (zoom <= 1) dispatch({ type: "whole" });
    else dispatch({ type: "place", zoom, x: state.x * grown, y: state.y * grown });
  };
  return {
    onPointerDown: handlePointerDown,
    onPointerMove: handlePointerMove,
    onPointerUp: handlePointerUp,
    onPointerCancel: handlePointerUp,
    onWheel: handleWheel,
  };
}

function distance(a: Finger, b: Finger): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
