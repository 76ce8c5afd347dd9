/** The drawing page's form and every change of it. A reducer; LoRAs live in the prompt and nowhere else. */
import { nameKey, promptLoras, withLora, withoutLora, withoutTrigger, withTrigger } from "./prompt-loras";

export interface DrawingForm {
  /** Id or name. */
  readonly baseModel: string;
  readonly prompt: string;
  readonly negative: string;
  /** null: what the base model draws best. */
  readonly width: number | null;
  readonly height: number | null;
  readonly steps: number;
  readonly cfg: number;
  /** null: the base model's usual one. */
  readonly sampler: string | null;
  readonly scheduleType: string;
  /** -1: another one each time. */
  readonly seed: number;
  readonly count: number;
  /** null: as the first LoRA was trained. */
  readonly clipSkip: number | null;
}

export const emptyForm: DrawingForm = {
  baseModel: "starter",
  prompt: "",
  negative: "",
  width: null,
  height: null,
  steps: 20,
  cfg: 7,
  sampler: null,
  scheduleType: "automatic",
  seed: -1,
  count: 1,
  clipSkip: null,
};

/** What a sampler is, and the schedules it can go along: as the server offers them for a base model. */
export interface SamplerOffered {
  readonly value: string;
  readonly schedules: readonly { readonly value: string }[];
}

/** The chosen sampler and schedule, as far as the base model has them; else its usual ones. */
export function chosenWay(
  form: Pick<DrawingForm, "sampler" | "scheduleType">,
  samplers: readonly SamplerOffered[],
  usual: string,
): Pick<DrawingForm, "sampler" | "scheduleType"> {
  const sampler = samplers.find((one) => one.value === (form.sampler ?? usual));
  if (sampler === undefined) return { sampler: null, scheduleType: "automatic" };
  const isThere = sampler.schedules.some((one) => one.value === form.scheduleType);
  return { sampler: form.sampler, scheduleType: isThere ? form.scheduleType : "automatic" };
}

/** Of a LoRA, what matters here. */
export interface LoraToUse {
  readonly name: string;
  readonly trigger: string;
  readonly negative: string;
  readonly preferred_weight: number;
}

export interface DrawnSettings {
  readonly negative_prompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly cfg: number;
  readonly sampler: string;
  readonly schedule_type: string;
  readonly clip_skip: number;
}

/** A drawing, as far as it can be drawn again. */
export interface DrawnBefore {
  readonly prompt: string;
  readonly settings: DrawnSettings;
  readonly seed: number;
  readonly base_model_id: string;
  readonly loras: readonly { readonly lora_id: string; readonly name: string; readonly weight: number }[];
}

/** What a picture's text said; what it did not say is absent. */
export interface ReadBefore {
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly width?: number | null | undefined;
  readonly height?: number | null | undefined;
  readonly steps?: number | null | undefined;
  readonly cfg?: number | null | undefined;
  readonly sampler?: string | null | undefined;
  readonly schedule_type?: string | null | undefined;
  readonly seed?: number | null | undefined;
  readonly clip_skip?: number | null | undefined;
  readonly loras: readonly { readonly weight: number; readonly library_name: string | null }[];
  readonly base_model: { readonly base_model_id: string | null } | null;
}

export type FormStep =
  | { readonly type: "set"; readonly values: Partial<DrawingForm> }
  | { readonly type: "base"; readonly id: string }
  | { readonly type: "add"; readonly lora: LoraToUse }
  | {
      readonly type: "only";
      readonly lora: LoraToUse;
      readonly others: readonly LoraToUse[];
      readonly baseModel: string;
    }
  | { readonly type: "weigh"; readonly name: string; readonly weight: number }
  | { readonly type: "remove"; readonly name: string; readonly trigger: string }
  | { readonly type: "flip" }
  | { readonly type: "again"; readonly drawing: DrawnBefore; readonly names: ReadonlyMap<string, string> }
  | { readonly type: "read"; readonly read: ReadBefore };

export function stepForm(form: DrawingForm, step: FormStep): DrawingForm {
  switch (step.type) {
    case "set":
      return { ...form, ...step.values };
    case "base":
      // Another base model draws best at another size; the layers to skip are the LoRA's and the base's, too.
      return step.id === form.baseModel
        ? form
        : { ...form, baseModel: step.id, width: null, height: null, clipSkip: null };
    case "add":
      return withUsed(form, step.lora);
    case "only": {
      const kept = nameKey(step.lora.name);
      const bare = promptLoras(form.prompt)
        .filter((one) => nameKey(one.name) !== kept)
        .reduce((prompt, one) => {
          const known = step.others.find((other) => nameKey(other.name) === nameKey(one.name));
          return withoutTrigger(withoutLora(prompt, one.name), known?.trigger ?? "");
        }, form.prompt);
      return withUsed(stepForm({ ...form, prompt: bare }, { type: "base", id: step.baseModel }), step.lora);
    }
    case "weigh":
      return { ...form, prompt: withLora(form.prompt, step.name, step.weight) };
    case "remove":
      return { ...form, prompt: withoutTrigger(withoutLora(form.prompt, step.name), step.trigger) };
    case "flip":
      return { ...form, width: form.height, height: form.width };
    case "again":
      return drawnAgain(form, step.drawing, step.names);
    case "read":
      return readBack(form, step.read);
  }
}

/** The LoRA in the prompt, with all that its owner noted for drawing with it. */
function withUsed(form: DrawingForm, lora: LoraToUse): DrawingForm {
  const isThere = promptLoras(form.prompt).some((one) => nameKey(one.name) === nameKey(lora.name));
  const weight = lora.preferred_weight > 0 ? lora.preferred_weight : 1;
  const prompt = isThere ? form.prompt : withLora(form.prompt, lora.name, weight);
  return { ...form, prompt: withTrigger(prompt, lora.trigger), negative: withTrigger(form.negative, lora.negative) };
}

/** As a picture was drawn; `names` are today's names of the library by id, since a LoRA may have been renamed. */
function drawnAgain(form: DrawingForm, drawing: DrawnBefore, names: ReadonlyMap<string, string>): DrawingForm {
  const written = drawing.loras.reduce((prompt, used) => {
    const now = names.get(used.lora_id) ?? used.name;
    const isWritten = promptLoras(prompt).some((one) => nameKey(one.name) === nameKey(used.name));
    if (nameKey(now) === nameKey(used.name)) return isWritten ? prompt : withLora(prompt, now, used.weight);
    return withLora(withoutLora(prompt, used.name), now, used.weight);
  }, drawing.prompt);
  const { settings } = drawing;
  return {
    ...form,
    baseModel: drawing.base_model_id,
    prompt: written,
    negative: settings.negative_prompt,
    width: settings.width,
    height: settings.height,
    steps: settings.steps,
    cfg: settings.cfg,
    sampler: settings.sampler,
    scheduleType: settings.schedule_type,
    seed: drawing.seed,
    clipSkip: settings.clip_skip,
  };
}

/** What a picture said goes in, what it did not say stays; the LoRAs that are in the library are written as tags. */
function readBack(form: DrawingForm, read: ReadBefore): DrawingForm {
  const prompt = read.loras.reduce(
    (text, one) => (one.library_name === null ? text : withLora(text, one.library_name, one.weight)),
    read.prompt,
  );
  return {
    baseModel: read.base_model?.base_model_id ?? form.baseModel,
    prompt,
    negative: read.negative_prompt,
    width: read.width ?? form.width,
    height: read.height ?? form.height,
    steps: read.steps ?? form.steps,
    cfg: read.cfg ?? form.cfg,
    sampler: read.sampler ?? form.sampler,
    scheduleType: read.schedule_type ?? (read.sampler == null ? form.scheduleType : "automatic"),
    seed: read.seed ?? form.seed,
    count: 1,
    clipSkip: read.clip_skip ?? form.clipSkip,
  };
}

/** What is sent when pictures are asked for. */
export function pictureWish(form: DrawingForm) {
  return { ...sharedWish(form), prompt: form.prompt, count: form.count };
}

export interface ComparisonWish {
  /** Names of the LoRAs to compare. */
  readonly names: readonly string[];
  readonly prompts: readonly string[];
  readonly weights: readonly number[];
  readonly withoutLora: boolean;
}

/** What is sent for a comparison: the compared LoRAs leave the prompt, since the columns set their weight. */
export function comparisonWish(form: DrawingForm, wish: ComparisonWish) {
  const bare = (prompt: string) => wish.names.reduce((text, name) => withoutLora(text, name), prompt);
  return {
    ...sharedWish(form),
    prompts: wish.prompts.map(bare),
    compare: [...wish.names],
    weights: [...wish.weights],
    without_lora: wish.withoutLora,
  };
}

function sharedWish(form: DrawingForm) {
  return {
    base_model: form.baseModel,
    negative_prompt: form.negative,
    steps: form.steps,
    cfg: form.cfg,
    schedule_type: form.scheduleType,
    seed: form.seed,
    ...(form.sampler === null ? {} : { sampler: form.sampler }),
    ...(form.width === null ? {} : { width: form.width }),
    ...(form.height === null ? {} : { height: form.height }),
    ...(form.clipSkip === null ? {} : { clip_skip: form.clipSkip }),
  };
}

/** A draft as it was kept; what is missing or of another kind is as in an empty form. */
export function formOfDraft(text: string | null): DrawingForm {
  let kept: unknown;
  try {
    kept = JSON.parse(text ?? "{}");
  } catch {
    return emptyForm;
  }
  if (typeof kept !== "object" || kept === null) return emptyForm;
  const given = kept as Record<string, unknown>;
  const numbersOrUnset = new Set(["width", "height", "clipSkip"]);
  return Object.fromEntries(
    Object.entries(emptyForm).map(([field, value]) => {
      const one = given[field];
      if (numbersOrUnset.has(field)) return [field, typeof one === "number" ? one : null];
      if (field === "sampler") return [field, typeof one === "string" ? one : null];
      return [field, typeof one === typeof value ? one : value];
    }),
  ) as unknown as DrawingForm;
}
