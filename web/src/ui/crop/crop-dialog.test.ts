import { expect, it } from "vitest";

import { fromPercent } from "./crop-dialog";

it("gives whole pixels inside the picture", () => {
  expect(fromPercent({ unit: "%", x: 0, y: 0, width: 100, height: 100 }, 101, 77)).toEqual({
    left: 0,
    top: 0,
    width: 101,
    height: 77,
  });
  expect(fromPercent({ unit: "%", x: 99.9, y: 50, width: 10, height: 0 }, 100, 100)).toEqual({
    left: 99,
    top: 50,
    width: 1,
    height: 1,
  });
});
