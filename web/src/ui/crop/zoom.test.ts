import { expect, it } from "vitest";

import { MOST_ZOOM, scrolledTo, zoomed, zoomOfWheel } from "./zoom";

it("goes from the whole picture to so much and back, and no further", () => {
  expect(zoomed(1, -1)).toBe(1);
  expect(zoomed(zoomed(1, 1), -1)).toBe(1);
  expect(zoomed(MOST_ZOOM, 1)).toBe(MOST_ZOOM);
  expect(zoomOfWheel(1, 100)).toBe(1);
  expect(zoomOfWheel(2, -100)).toBeGreaterThan(2);
});

it("keeps a part of the picture where it was", () => {
  expect(scrolledTo(50, 800, 200)).toBe(200);
});
