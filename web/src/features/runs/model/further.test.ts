import { describe, expect, it } from "vitest";

import { furtherOfLora, furtherOfRun, nameOfStart, startOfRun } from "./further";

describe("training further", () => {
  it("goes on with everything of the run that left the file", () => {
    const recipe = { seed: 3, adapter: { kind: "lokr", dim: 4 } };
    expect(furtherOfRun(recipe, startOfRun("01", "mame-000002.safetensors"))).toEqual({
      ...recipe,
      start_from: "run:01/mame-000002.safetensors",
    });
  });

  it("is called by its file while nobody told its name", () => {
    expect(nameOfStart(startOfRun("01", "mame-000002.safetensors"))).toBe("mame-000002.safetensors");
  });

  it("takes kind, size and trigger from a file of another program, and a base model that it fits", () => {
    const lora = { id: "7", trigger: "zdm", facts: { algorithm: "locon", dim: 32, alpha: 16 } };
    expect(furtherOfLora(lora, "pony")).toEqual({
      start_from: "lora:7",
      base_model: "pony",
      trigger: "zdm",
      adapter: { kind: "locon", dim: 32, alpha: 16 },
    });
  });

  it("leaves open what the file does not tell or tells differently for each layer", () => {
    const lora = { id: "7", trigger: "", facts: { algorithm: "lora", dim: [4, 8], alpha: null } };
    expect(furtherOfLora(lora, undefined)).toEqual({ start_from: "lora:7", adapter: { kind: "lora" } });
  });
});
