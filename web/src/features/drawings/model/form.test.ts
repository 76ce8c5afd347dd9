import { describe, expect, it } from "vitest";

import { chosenWay, comparisonWish, type DrawingForm, emptyForm, formOfDraft, pictureWish, stepForm } from "./form";

const mame = { name: "mame", trigger: "mame", negative: "blurry", preferred_weight: 0.8 };
const plain = { name: "lines", trigger: "lineart", negative: "", preferred_weight: 0 };
const form = (values: Partial<DrawingForm>): DrawingForm => ({ ...emptyForm, ...values });

describe("the drawing form", () => {
  it("puts a LoRA in with its trigger, its negative prompt and its preferred weight, once", () => {
    const once = stepForm(form({ prompt: "smile" }), { type: "add", lora: mame });
    expect(once.prompt).toBe("mame, smile, <lora:mame:0.8>");
    expect(once.negative).toBe("blurry");
    expect(stepForm(once, { type: "add", lora: mame })).toEqual(once);
  });

  it("opens for one LoRA alone, on a base model that it fits", () => {
    const before = stepForm(form({ prompt: "smile", width: 512, height: 768 }), { type: "add", lora: plain });
    const after = stepForm(before, { type: "only", lora: mame, others: [plain, mame], baseModel: "sd" });
    expect(after.prompt).toBe("mame, smile, <lora:mame:0.8>");
    expect(after.baseModel).toBe("sd");
    expect([after.width, after.height]).toEqual([null, null]);
  });

  it("keeps slider and prompt the same thing", () => {
    const moved = stepForm(form({ prompt: "a, <lora:mame:1>" }), { type: "weigh", name: "mame", weight: -0.35 });
    expect(moved.prompt).toBe("a, <lora:mame:-0.35>");
    expect(stepForm(moved, { type: "remove", name: "mame", trigger: "a" }).prompt).toBe("");
  });

  it("draws a picture again with its LoRAs under today's names, those of a comparison too", () => {
    const drawing = {
      prompt: "mame, <lora:old:0.5>",
      settings: {
        negative_prompt: "n",
        width: 96,
        height: 160,
        steps: 9,
        cfg: 5,
        sampler: "euler",
        schedule_type: "karras",
        clip_skip: 2,
      },
      seed: 11,
      base_model_id: "starter",
      loras: [
        { lora_id: "1", name: "old", weight: 0.5 },
        { lora_id: "2", name: "compared", weight: 0.7 },
      ],
    };
    const again = stepForm(form({ count: 4 }), { type: "again", drawing, names: new Map([["1", "new"]]) });
    expect(again.prompt).toBe("mame, <lora:new:0.5>, <lora:compared:0.7>");
    expect(again).toMatchObject({ seed: 11, width: 96, height: 160, clipSkip: 2, sampler: "euler", count: 4 });
    expect(again.scheduleType).toBe("karras");
  });

  it("takes from a picture's text what it says and keeps the rest", () => {
    const read = {
      prompt: "cat",
      negative_prompt: "",
      steps: 30,
      seed: 5,
      width: null,
      loras: [
        { weight: 0.6, library_name: "mame" },
        { weight: 1, library_name: null },
      ],
      base_model: { base_model_id: null },
    };
    const after = stepForm(form({ cfg: 4, width: 128, count: 8, baseModel: "mine" }), { type: "read", read });
    expect(after).toMatchObject({ prompt: "cat, <lora:mame:0.6>", steps: 30, seed: 5, cfg: 4, width: 128, count: 1 });
    expect(after.baseModel).toBe("mine");
  });

  it("keeps a sampler and its schedule where the base model has them", () => {
    const samplers = [
      { value: "ddim", schedules: [{ value: "automatic" }] },
      { value: "euler", schedules: [{ value: "automatic" }, { value: "karras" }] },
    ];
    const way = (sampler: string | null, scheduleType: string) =>
      chosenWay({ sampler, scheduleType }, samplers, "ddim");
    expect(way("euler", "karras")).toEqual({ sampler: "euler", scheduleType: "karras" });
    expect(way("ddim", "karras")).toEqual({ sampler: "ddim", scheduleType: "automatic" });
    expect(way(null, "karras")).toEqual({ sampler: null, scheduleType: "automatic" });
    expect(way("unipc", "karras")).toEqual({ sampler: null, scheduleType: "automatic" });
  });

  it("takes the sampler's own schedule where a picture names a sampler alone", () => {
    const read = { prompt: "a", negative_prompt: "", sampler: "euler", loras: [], base_model: null };
    expect(stepForm(form({ scheduleType: "karras" }), { type: "read", read }).scheduleType).toBe("automatic");
  });

  it("asks for what it shows and leaves unset what is unset", () => {
    expect(pictureWish(form({ prompt: "a", count: 2 }))).toEqual({
      base_model: "starter",
      prompt: "a",
      negative_prompt: "",
      steps: 20,
      cfg: 7,
      schedule_type: "automatic",
      seed: -1,
      count: 2,
    });
    const compared = comparisonWish(form({ prompt: "mame, <lora:mame:0.8>, <lora:lines:1>", clipSkip: 2 }), {
      names: ["mame"],
      prompts: ["mame, <lora:mame:0.8>, <lora:lines:1>"],
      weights: [0.7, 1],
      withoutLora: true,
    });
    expect(compared.prompts).toEqual(["mame, <lora:lines:1>"]);
    expect(compared).toMatchObject({ compare: ["mame"], weights: [0.7, 1], clip_skip: 2, without_lora: true });
    expect(compared).not.toHaveProperty("count");
  });

  it("flips upright and lying, and forgets the size with the base model", () => {
    const flipped = stepForm(form({ width: 96, height: 160 }), { type: "flip" });
    expect([flipped.width, flipped.height]).toEqual([160, 96]);
    expect(stepForm(flipped, { type: "base", id: "other" }).width).toBeNull();
    expect(stepForm(flipped, { type: "base", id: "starter" })).toBe(flipped);
  });

  it("comes back from a draft, whatever became of it", () => {
    const kept = form({ prompt: "まめ", width: 96, clipSkip: 2 });
    expect(formOfDraft(JSON.stringify(kept))).toEqual(kept);
    expect(formOfDraft(null)).toEqual(emptyForm);
    expect(formOfDraft("{")).toEqual(emptyForm);
    expect(formOfDraft("[]")).toEqual(emptyForm);
    expect(formOfDraft(JSON.stringify({ steps: "many", prompt: 3, width: "x" }))).toEqual(emptyForm);
  });
});
