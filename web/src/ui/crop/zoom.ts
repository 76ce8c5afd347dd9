/** How large a picture is shown in its frame: 1 is whole. Pure. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export const MOST_ZOOM = 8;
const STEP = 1.5;

/** One press of a button larger or smaller. */
export function zoomed(zoom: number, by: 1 | -1): number {
  return within(by > 0 ? zoom * STEP : zoom / STEP);
}

export function zoomOfWheel(zoom: number, deltaY: number): number {
  return within(zoom * Math.exp(-deltaY / 400));
}

/** How far to scroll, so that this part of a length (in percent) stands at that place of the frame. */
export function scrolledTo(part: number, length: number, at: number): number {
  return (part / 100) * length - at;
}

function within(zoom: number): number {
  const next = Math.min(MOST_ZOOM, Math.max(1, zoom));
  return next < 1.02 ? 1 : next;
}
