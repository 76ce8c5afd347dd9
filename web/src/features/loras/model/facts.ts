/** What a LoRA's header tells, as lines for a person. Pure; which are shown and in which order is decided here. */

export interface Fact {
  /** Key of its name: `loras:facts.dim`. */
  readonly text: string;
  readonly value: string;
}

type Plain = string | number | boolean | null | undefined;

/** The facts that say something; `number` writes numbers as the language does. */
export function shownFacts(facts: Readonly<Record<string, unknown>>, number: (value: number) => string): Fact[] {
  const one = (key: string): string => plain(facts[key], number);
  const pair = (key: string, whole: string): string => {
    const [part, all] = [one(key), one(whole)];
    return part === "" || all === "" ? part : `${part} / ${all}`;
  };
  const lines: [string, string][] = [
    ["loras:facts.algorithm", algorithm(facts["algorithm"])],
    ["loras:facts.layout", one("layout")],
    ["loras:facts.dim", one("dim")],
    ["loras:facts.alpha", one("alpha")],
    ["loras:facts.baseModel", one("base_model")],
    ["loras:facts.derivative", one("derivative")],
    ["loras:facts.epoch", pair("epoch", "num_epochs")],
    ["loras:facts.steps", pair("steps", "num_steps")],
    ["loras:facts.pictures", one("pictures")],
    ["loras:facts.resolution", resolution(one("resolution"))],
    ["loras:facts.learningRate", one("learning_rate")],
    ["loras:facts.clipSkip", one("clip_skip")],
    ["loras:facts.seed", one("seed")],
    ["loras:facts.layers", layers(facts["modules"], number)],
  ];
  return lines.filter(([, value]) => value !== "").map(([text, value]) => ({ text, value }));
}

const MAKING_TOOLS = ["convert", "merge", "resize", "extract"] as const;

/** Which tool made it from what: `a (0.7) + b (0.3)`; null for one that was trained or uploaded. */
export function madeFrom(
  facts: Readonly<Record<string, unknown>>,
): { readonly tool: (typeof MAKING_TOOLS)[number]; readonly of: string } | null {
  interface Part {
    readonly name: string;
    readonly weight?: number;
  }
  const made = facts["made_from"] as
    { readonly tool: string; readonly loras: readonly Part[]; readonly base_models: readonly Part[] } | undefined;
  const tool = MAKING_TOOLS.find((one) => one === made?.tool);
  if (made === undefined || tool === undefined) return null;
  const loras = made.loras.map((one) => (tool === "merge" ? `${one.name} (${one.weight ?? 1})` : one.name));
  if (tool === "extract") return { tool, of: made.base_models.map((one) => one.name).join(" − ") };
  return { tool, of: loras.join(" + ") };
}

/** Tags of the training captions, the most frequent first. */
export function topTags(facts: Readonly<Record<string, unknown>>): [string, number][] {
  const tags = facts["top_tags"];
  if (typeof tags !== "object" || tags === null) return [];
  return Object.entries(tags as Record<string, number>).sort((a, b) => b[1] - a[1]);
}

function plain(value: unknown, number: (value: number) => string): string {
  if (Array.isArray(value)) return value.map((one) => plain(one, number)).join(", ");
  const one = value as Plain;
  if (one === null || one === undefined) return "";
  return typeof one === "number" ? number(one) : String(one);
}

function algorithm(value: unknown): string {
  const names: Record<string, string> = { lora: "LoRA", loha: "LoHa", lokr: "LoKr", dora: "DoRA" };
  return typeof value === "string" ? (names[value] ?? value) : "";
}

/** `(512, 768)` and `512x768` alike. */
function resolution(text: string): string {
  const sides = text.match(/\d+/g) ?? [];
  return sides.length === 2 ? sides.join(" × ") : text;
}

function layers(value: unknown, number: (value: number) => string): string {
  if (typeof value !== "object" || value === null) return "";
  const names: Record<string, string> = { unet: "U-Net", text_encoder: "Text Encoder" };
  return Object.entries(value as Record<string, number>)
    .map(([part, count]) => `${names[part] ?? part} ${number(count)}`)
    .join(", ");
}
