/** Training a LoRA further (G7): what a recipe begins with. Pure. */
import { type OptionValues, withValue } from "@/ui/option-form/option-fields";

/** A file that a run has left, as a recipe names it. */
export const startOfRun = (runId: string, filename: string) => `run:${runId}/${filename}`;
/** A LoRA of the library, as a recipe names it. */
export const startOfLora = (id: string) => `lora:${id}`;

/** What a start is called as long as nobody told its name: the file of a run, or the reference itself. */
export const nameOfStart = (start: string) => start.replace(/^run:[^/]+\//, "");

/** The recipe of the run that made the file, going on from the file. */
export const furtherOfRun = (recipe: OptionValues, start: string): OptionValues => ({ ...recipe, start_from: start });

export interface KnownOfLora {
  readonly id: string;
  readonly trigger: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What is known of a LoRA from anywhere: its kind and size, its trigger, and a base model that it fits. */
export function furtherOfLora(lora: KnownOfLora, baseModel: string | undefined): OptionValues {
  const { algorithm, dim, alpha } = lora.facts;
  const values: OptionValues = {
    start_from: startOfLora(lora.id),
    ...(baseModel === undefined ? {} : { base_model: baseModel }),
    ...(lora.trigger === "" ? {} : { trigger: lora.trigger }),
  };
  const known = [
    ["adapter.kind", typeof algorithm === "string" ? algorithm : undefined],
    ["adapter.dim", whole(dim)],
    ["adapter.alpha", whole(dim) !== undefined && typeof alpha === "number" ? alpha : undefined],
  ] as const;
  return known.reduce((all, [path, value]) => (value === undefined ? all : withValue(all, path, value)), values);
}

const whole = (value: unknown) => (typeof value === "number" && Number.isInteger(value) ? value : undefined);
