import { describe, expect, it } from "vitest";

import { changedBy, complete, merged, recalled, suitedValues } from "./draft";

const presets = [
  { name: "mine", is_shipped: false, recipe: { pictures: { resolution: 1 } } },
  { name: "sd15_character_1x8gb", is_shipped: true, recipe: { pictures: { resolution: 512 } } },
  { name: "sdxl_character_1x12gb", is_shipped: true, recipe: { pictures: { resolution: 1024 } } },
  {
    name: "starter_character_cpu",
    is_shipped: true,
    recipe: { base_model: "starter", pictures: { resolution: 128, bucket_step: 32 } },
  },
];

describe("a draft of a recipe", () => {
  it("begins with what suits the base model: the starter 128 pixels, SD1.5 512, SDXL 1024, or the file's own word", () => {
    const size = (model: Parameters<typeof suitedValues>[0]) => suitedValues(model, presets)["pictures"];
    expect(size({ id: "starter", family: "sd15", native_side: 128 })).toEqual({ resolution: 128, bucket_step: 32 });
    expect(size({ id: "1", family: "sd15" })).toEqual({ resolution: 512 });
    expect(size({ id: "2", family: "sdxl", native_side: 1024 })).toEqual({ resolution: 1024 });
    expect(size({ id: "3", family: "sd15", native_side: 768 })).toEqual({ resolution: 768 });
    expect(suitedValues(undefined, presets)).toEqual({});
  });
  it("keeps what the person set when the base model changes, and nothing else of the old one", () => {
    const own = { pictures: { repeats: 7 } };
    const xl = suitedValues({ id: "2", family: "sdxl" }, presets);
    expect(merged(xl, own)).toEqual({ pictures: { resolution: 1024, repeats: 7 } });
  });
  it("takes nothing of a section whose kind was chosen anew", () => {
    const suited = { optimizer: { kind: "adamw", learning_rate: 1e-4 } };
    expect(merged(suited, { optimizer: { kind: "prodigy" } })).toEqual({ optimizer: { kind: "prodigy" } });
    expect(merged(suited, { optimizer: { kind: "adamw", beta1: 0.8 } })["optimizer"]).toMatchObject({
      beta1: 0.8,
      learning_rate: 1e-4,
    });
  });
  it("recalls a preset under its own name and base model, and a run with everything", () => {
    const own = { output_name: "mame", base_model: "pony" };
    const recipe = { base_model: "starter", seed: 1 };
    expect(recalled(own, recipe, true)).toEqual({ output_name: "mame", base_model: "pony", seed: 1 });
    expect(recalled(own, recipe, false)).toEqual(recipe);
  });
  it("is what it was when it is recalled, also where it left to the defaults what suits the base model otherwise", () => {
    const suited = { trigger: "mame", training: { rate: 9 }, schedule: { kind: "restarts", turns: 5 } };
    const plain = { trigger: "", training: { rate: 1, epochs: 4 }, schedule: { kind: "cosine", floor: 0 } };
    expect(complete({}, suited, plain)).toEqual({ training: { rate: 1 }, schedule: { kind: "cosine" } });
    expect(merged(suited, complete({}, suited, plain))["schedule"]).toEqual({ kind: "cosine" });
    expect(complete({ training: { rate: 2 } }, suited, plain)["training"]).toEqual({ rate: 2 });
  });
  it("goes back to the field's default over what suits when a value is to be left out", () => {
    const field = { path: "noise.offset", default: 0 } as never;
    expect(changedBy({}, { noise: { offset: 0.05 } }, { "noise.offset": null }, [field])).toEqual({
      noise: { offset: 0 },
    });
    expect(changedBy({ noise: { offset: 1 } }, {}, { "noise.offset": null }, [field])).toEqual({});
  });
});
