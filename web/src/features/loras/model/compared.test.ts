import { describe, expect, it } from "vitest";

import { byBlock, keptOf, together, wordOf } from "./compared";

const layer = (key: string, block: number | null, cosine: number, norm_a = 1, norm_b = 1) => ({
  key,
  block,
  cosine,
  norm_a,
  norm_b,
});

describe("a comparison", () => {
  it("groups layers by block, text encoders first and what is in no block last", () => {
    const found = byBlock([
      layer("lora_unet_conv_in", null, 0),
      layer("lora_unet_x", 7, 1),
      layer("lora_unet_y", 2, 1),
      layer("lora_te_z", null, 1),
    ]);
    expect(found.map((one) => one.block)).toEqual(["text", 2, 7, "other"]);
  });

  it("weighs layers by their size: a large one that differs outweighs a small one that is alike", () => {
    const whole = together([layer("a", 1, 1, 0.1, 0.1), layer("b", 1, 0, 10, 10)]);
    expect(whole.likeness).toBeLessThan(0.01);
    expect(whole.normA).toBeCloseTo(Math.sqrt(100.01));
    expect(together([layer("a", 1, 0, 0, 0)]).likeness).toBe(0);
  });

  it("says in words what a likeness means", () => {
    expect([1, 0.8, 0.5, 0, -0.9].map(wordOf)).toEqual(["same", "alike", "related", "different", "opposite"]);
  });
});

it("tells of a resize the ranks and what is kept", () => {
  const found = keptOf([
    { rank_before: 8, rank: 4, retained: 1 },
    { rank_before: 8, rank: 2, retained: 0.5 },
  ]);
  expect(found).toEqual({ before: 8, lowest: 2, highest: 4, mean: 0.75, least: 0.5 });
});
