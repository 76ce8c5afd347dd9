/** A recipe that is not started yet: what a person set, over what suits the base model. Pure. */
import {
  type OptionField,
  type OptionValue,
  type OptionValues,
  valueAt,
  withValue,
} from "@/ui/option-form/option-fields";

interface Suiting {
  readonly id: string;
  readonly family: string;
  readonly native_side?: number | null;
}
interface Preset {
  readonly name: string;
  readonly is_shipped: boolean;
  readonly recipe: OptionValues;
}

/** What names a run and its pictures rather than how it learns; another recipe leaves it as it is. */
const OWN = ["output_name", "trigger", "base_model"];

/** Values that suit a base model: those of the preset made for it or for its family, at the size it was made for. */
export function suitedValues(model: Suiting | undefined, presets: readonly Preset[]): OptionValues {
  if (model === undefined) return {};
  const shipped = presets.filter((preset) => preset.is_shipped);
  const preset =
    shipped.find((one) => one.name.startsWith(`${model.id}_`)) ??
    shipped.find((one) => one.name.startsWith(`${model.family}_character`)) ??
    shipped.find((one) => one.name.startsWith(`${model.family}_`));
  const values = without(preset?.recipe ?? {}, OWN);
  const side = model.native_side ?? null;
  return side === null ? values : withValue(values, "pictures.resolution", side);
}

/** What is sent: a section whose kind was chosen anew takes nothing of the old kind. */
export function merged(suited: OptionValues, own: OptionValues): OptionValues {
  const result: Record<string, unknown> = { ...suited };
  for (const [key, value] of Object.entries(own)) {
    const before = result[key];
    if (!isSection(value) || !isSection(before)) {
      result[key] = value;
      continue;
    }
    const isOther = value["kind"] !== undefined && value["kind"] !== before["kind"];
    result[key] = isOther ? value : { ...before, ...value };
  }
  return result;
}

/**
 * A recipe that names only some of its values, with those it left to the defaults where other ones suit the base model:
 * over what suits it is then what it was. `filled` is the recipe with every default.
 */
export function complete(recipe: OptionValues, suited: OptionValues, filled: OptionValues): OptionValues {
  return leaves(without(suited, OWN)).reduce((all, path) => {
    const value = valueAt(recipe, path) === undefined ? valueAt(filled, path) : undefined;
    return value === undefined ? all : withValue(all, path, value);
  }, recipe);
}

/** A recipe recalled: it counts as set by the person. From a preset, names and base model stay what they were. */
export function recalled(own: OptionValues, recipe: OptionValues, keepsNames: boolean): OptionValues {
  return keepsNames ? { ...without(recipe, OWN), ...namesOf(own) } : recipe;
}

/** A change {path: value} over the draft; null goes back to the field's default, over what suits too. */
export function changedBy(
  own: OptionValues,
  suited: OptionValues,
  changes: Readonly<Record<string, unknown>>,
  fields: readonly OptionField[],
): OptionValues {
  return Object.entries(changes).reduce((all, [path, value]) => {
    if (value !== null && value !== undefined) return withValue(all, path, value as OptionValue);
    const field = fields.find((one) => one.path === path);
    const isSuited = valueAt(suited, path) !== undefined;
    return withValue(all, path, isSuited && field !== undefined ? field.default : undefined);
  }, own);
}

/** What a recipe is trained on; the starter unless it says another. */
export function baseModelOf(values: OptionValues): string {
  return typeof values["base_model"] === "string" ? values["base_model"] : "starter";
}

/** What names a run and its pictures, of these values. */
export function namesOf(values: OptionValues): OptionValues {
  return Object.fromEntries(Object.entries(values).filter(([key]) => OWN.includes(key)));
}

export function hasOwn(own: OptionValues): boolean {
  return Object.keys(own).length > 0;
}

function leaves(values: OptionValues): string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    isSection(value) ? leaves(value).map((path) => `${key}.${path}`) : [key],
  );
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function without(values: OptionValues, keys: readonly string[]): OptionValues {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)));
}
