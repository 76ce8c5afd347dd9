import { expect, test } from "vitest";

import { madeFrom, shownFacts, topTags } from "./facts";

const number = (value: number) => String(value);

test("only what is known is shown, and halves are put together", () => {
  const facts = { algorithm: "lora", dim: 16, alpha: null, epoch: 3, num_epochs: 10, steps: 12, modules: { unet: 1 } };
  expect(shownFacts(facts, number).map((fact) => [fact.text.split(".").at(-1), fact.value])).toEqual([
    ["algorithm", "LoRA"],
    ["dim", "16"],
    ["epoch", "3 / 10"],
    ["steps", "12"],
    ["layers", "U-Net 1"],
  ]);
});

test("a resolution is read however it was written", () => {
  const written = (resolution: string) => shownFacts({ resolution }, number)[0]?.value;
  expect(written("(512, 768)")).toBe("512 × 768");
  expect(written("512x768")).toBe("512 × 768");
  expect(written("native")).toBe("native");
});

test("tags come by how often they are, and a file without any has none", () => {
  expect(topTags({ top_tags: { smile: 2, mame: 7 } })).toEqual([
    ["mame", 7],
    ["smile", 2],
  ]);
  expect(topTags({})).toEqual([]);
});

test("says which tool made it from what, and nothing of one that was trained", () => {
  const a = { id: "1", name: "a", weight: 0.7 };
  const b = { id: "2", name: "b", weight: 0.3 };
  const made = (tool: string) => madeFrom({ made_from: { tool, loras: [a, b], base_models: [a, b] } });
  expect(made("merge")?.of).toBe("a (0.7) + b (0.3)");
  expect(made("extract")?.of).toBe("a − b");
  expect(made("other")).toBeNull();
  expect(madeFrom({})).toBeNull();
});
