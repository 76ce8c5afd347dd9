import { expect, it } from "vitest";

import { smoothed } from "./smoothing";

it("leaves values as they are without a weight, and a constant series constant with one", () => {
  expect(smoothed([1, 2, 3], 0)).toEqual([1, 2, 3]);
  for (const value of smoothed([5, 5, 5, 5], 0.9)) expect(value).toBeCloseTo(5);
});

it("starts at the first value and lags behind a jump", () => {
  const values = smoothed([0, 10], 0.5);
  expect(values[0]).toBe(0);
  expect(values[1]).toBeCloseTo(20 / 3);
});
