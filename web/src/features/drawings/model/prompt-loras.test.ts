import { describe, expect, it } from "vitest";

import {
  completed,
  completionAt,
  promptLoras,
  withLora,
  withoutLora,
  withoutTrigger,
  withTrigger,
} from "./prompt-loras";

describe("prompt and sliders agree", () => {
  it("reads what was typed, in any of A1111's forms", () => {
    expect(promptLoras("mame, <lora:mame:0.8>, smile <LORA:豆:-0.5>")).toEqual([
      { name: "mame", weight: 0.8 },
      { name: "豆", weight: -0.5 },
    ]);
    expect(promptLoras("<lora:a>")).toEqual([{ name: "a", weight: 1 }]);
    expect(promptLoras("<lora:a:te=0.6:unet=0.6>")).toEqual([{ name: "a", weight: 0.6 }]);
    expect(promptLoras("<lyco:a:0.3> <lora:A:0.4>")).toEqual([{ name: "a", weight: 0.7 }]);
    expect(promptLoras("a < b, <lora:>")).toEqual([]);
  });

  it("writes what a slider was moved to, and nothing else changes", () => {
    const prompt = "1girl, <lora:mame:0.8>, (smile:1.2)";
    expect(withLora(prompt, "MAME", 0.65)).toBe("1girl, <lora:mame:0.65>, (smile:1.2)");
    expect(withLora("<lora:a:0.1> x <lora:a:0.2>", "a", 0.5)).toBe("<lora:a:0.5> x");
  });

  it("comes back to the same weight, whatever it was moved to", () => {
    for (let step = -20; step <= 40; step += 1) {
      const weight = step / 20;
      expect(promptLoras(withLora("mame, smile", "まめ", weight))).toEqual([{ name: "まめ", weight: weight || 0 }]);
    }
  });

  it("adds behind what is there, with one comma", () => {
    expect(withLora("", "a", 1)).toBe("<lora:a:1>");
    expect(withLora("smile", "a", 1)).toBe("smile, <lora:a:1>");
    expect(withLora("smile, ", "a", 1)).toBe("smile, <lora:a:1>");
  });

  it("takes a LoRA out with the comma that was its own", () => {
    expect(withoutLora("smile, <lora:a:1>", "a")).toBe("smile");
    expect(withoutLora("<lora:a:1>, smile", "a")).toBe("smile");
    expect(withoutLora("smile, <lora:a:1>, cat", "a")).toBe("smile, cat");
    expect(withoutLora("smile <lora:a:1> cat", "a")).toBe("smile cat");
    expect(withoutLora("smile,\n<lora:a:1>\ncat", "a")).toBe("smile,\n\ncat");
  });
});

describe("triggers", () => {
  it("go in front once", () => {
    expect(withTrigger("smile", "mame, beans")).toBe("mame, beans, smile");
    expect(withTrigger("beans, Mame, smile", "mame, beans")).toBe("beans, Mame, smile");
    expect(withTrigger("", "mame")).toBe("mame");
    expect(withTrigger("smile", "")).toBe("smile");
  });

  it("go out where they stand alone", () => {
    expect(withoutTrigger("mame, mame house, smile", "mame")).toBe("mame house, smile");
  });
});

describe("completion", () => {
  it("begins with the bracket and ends with the name", () => {
    expect(completionAt("smile, <", 8)).toEqual({ start: 7, query: "" });
    expect(completionAt("smile, <lo", 10)).toEqual({ start: 7, query: "" });
    expect(completionAt("smile, <lora:ma", 15)).toEqual({ start: 7, query: "ma" });
    expect(completionAt("smile, <lora:ma:0.5", 19)).toBeNull();
    expect(completionAt("a < b", 5)).toBeNull();
    expect(completionAt("smile", 5)).toBeNull();
  });

  it("writes the whole tag over what is there of it", () => {
    expect(completed("a, <lora:m, b", 10, 3, { name: "mame", weight: 1 })).toEqual({
      text: "a, <lora:mame:1>, b",
      caret: 16,
    });
    expect(completed("<lora:m:0.5> b", 7, 0, { name: "mame", weight: 0.8 }).text).toBe("<lora:mame:0.8> b");
  });
});
