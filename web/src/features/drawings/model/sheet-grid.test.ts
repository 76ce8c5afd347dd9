import { expect, test } from "vitest";

import { sheetGrid } from "./sheet-grid";

test("pictures stand where the sheet has them, the one without a LoRA in every row", () => {
  const cells = [
    {
      number: 0,
      places: [
        [0, 0],
        [1, 0],
      ],
    },
    { number: 1, places: [[0, 1]] },
    { number: 2, places: [[1, 1]] },
  ];
  const pictures = [
    { number: 0, id: "none" },
    { number: 2, id: "second" },
  ];
  const ids = sheetGrid(2, 2, cells, pictures).map((row) => row.map((one) => one?.id));
  expect(ids).toEqual([
    ["none", undefined],
    ["none", "second"],
  ]);
});
