import { expect, it } from "vitest";

import { type GridSample, sampleGrid } from "./sample-grid";

const sample = (step: number, prompt_index: number, seed = 1): GridSample => ({
  epoch: step / 10,
  step,
  prompt_index,
  prompt: `prompt ${prompt_index}`,
  seed,
  picture_url: `/${step}/${prompt_index}/${seed}`,
  is_extra: false,
});

it("puts the same prompt and seed of every epoch into one column, with holes where nothing was drawn", () => {
  const grid = sampleGrid([sample(20, 1), sample(10, 0), sample(10, 1), sample(20, 0, 2)], [], (one) =>
    String(one.epoch),
  );
  expect(grid.steps.map((one) => one.step)).toEqual([10, 20]);
  expect(grid.columns.map((one) => `${one.promptIndex}/${one.seed}`)).toEqual(["0/1", "0/2", "1/1"]);
  expect(grid.cells.map((row) => row.map((cell) => cell?.src))).toEqual([
    ["/10/0/1", undefined, "/10/1/1"],
    [undefined, "/20/0/2", "/20/1/1"],
  ]);
});

it("has a row for a file at which nothing was drawn: one saved in the middle, or an epoch without previews", () => {
  const files = [
    { epoch: 1, step: 10, is_extra: false },
    { epoch: 2, step: 14, is_extra: true },
  ];
  const grid = sampleGrid([sample(10, 0), sample(30, 0)], files, (one) => String(one.epoch));
  expect(grid.steps.map((one) => [one.step, one.isExtra])).toEqual([
    [10, false],
    [14, true],
    [30, false],
  ]);
  expect(grid.cells[1]).toEqual([undefined]);
  expect(sampleGrid([], files, () => "").cells).toEqual([[], []]);
});
