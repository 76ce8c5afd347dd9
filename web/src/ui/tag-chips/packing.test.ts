import { describe, expect, it } from "vitest";

import { packedRows, placeBeside, rowOf } from "./packing";

describe("chips in rows", () => {
  const widths = [40, 40, 40, 90, 30, 200, 10];
  const rows = packedRows(widths, 5, 100);

  it("break where the next one does not fit; one that is too wide has a row to itself", () => {
    expect(rows).toEqual([0, 2, 3, 4, 5, 6]);
  });

  it("are found by their place", () => {
    expect(widths.map((_, place) => rowOf(rows, place))).toEqual([0, 0, 1, 2, 3, 4, 5]);
  });

  it("have neighbours above and below, and none beyond the edge", () => {
    expect(placeBeside([0, 3], [10, 10, 10, 15, 15], 5, 2, 1)).toBe(4);
    expect(placeBeside([0, 3], [10, 10, 10, 15, 15], 5, 4, -1)).toBe(1);
    expect(placeBeside([0, 3], [10, 10, 10, 15, 15], 5, 1, -1)).toBe(1);
  });

  it("are none for no tags", () => {
    expect(packedRows([], 5, 100)).toEqual([]);
  });
});
