import { describe, expect, it } from "vitest";

import { firstLine, readGrid, type TypedGrid } from "./grid-wish";

const range = { low: -2, high: 2 };
const typed = (values: Partial<TypedGrid>): TypedGrid => ({
  names: ["mame"],
  prompts: "mame, smile",
  weights: "0.7, 0.8, 1",
  withoutLora: true,
  ...values,
});

describe("a grid as it is typed", () => {
  it("counts LoRAs by weights by prompts, and the picture without a LoRA once for each prompt", () => {
    expect(readGrid(typed({}), range).numPictures).toBe(4);
    const two = typed({ names: ["a", "b"], prompts: "one\n\n  two \none" });
    expect(readGrid(two, range)).toMatchObject({ prompts: ["one", "two"], numPictures: 14 });
    expect(readGrid({ ...two, withoutLora: false }, range).numPictures).toBe(12);
    expect(readGrid(typed({ prompts: " \n" }), range).numPictures).toBe(0);
  });

  it("reads weights as a Japanese keyboard writes them, each once", () => {
    expect(readGrid(typed({ weights: "０．７、0.7　−1 ,1" }), range).weights).toEqual([0.7, -1, 1]);
  });

  it("names what is no weight instead of drawing without it", () => {
    expect(readGrid(typed({ weights: "0.5, strong, 3" }), range)).toMatchObject({
      weights: [0.5],
      odd: ["strong", "3"],
    });
  });

  it("begins with the form's prompt on one line, without the LoRAs that are compared", () => {
    expect(firstLine("mame, smile,\n<lora:mame:0.8>, <lora:lines:1>", ["mame"])).toBe("mame, smile, <lora:lines:1>");
  });
});
