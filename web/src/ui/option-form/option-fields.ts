/** The form's own picture of options: what the server's schema says of each, and values by dotted path. Pure. */

export type OptionValue = boolean | number | string | readonly string[] | null;

export interface OptionField {
  /** Dotted: `optimizer.learning_rate`. */
  readonly path: string;
  /** The kind of its section that has it (`schedule.kind = "cosine"`); empty when every kind does. */
  readonly kind: string;
  readonly type: "bool" | "int" | "float" | "text" | "texts";
  readonly mayBeUnset: boolean;
  readonly choices: readonly (string | number)[];
  readonly default: OptionValue;
  readonly low: number | null;
  readonly high: number | null;
  readonly step: number | null;
  readonly lowIsOpen: boolean;
  readonly highIsOpen: boolean;
  readonly isAdvanced: boolean;
  /** Only for these sorts of what the form is about (`fieldsFor`); unless given, for all. */
  readonly sorts?: readonly string[];
  /** What another program calls it; searched too. */
  readonly otherName?: string;
}

/** Values by section: `{output_name: "mame", schedule: {kind: "cosine"}}`. */
export type OptionValues = Readonly<Record<string, unknown>>;

export interface OptionProblem {
  readonly path: string;
  readonly message: string;
  readonly cure: string;
  /** Values by dotted path that mend it, when the server knows. */
  readonly fix?: Readonly<Record<string, OptionValue>> | undefined;
}

/** The value at a path; undefined when it is not set. */
export function valueAt(values: OptionValues, path: string): OptionValue | undefined {
  let place: unknown = values;
  for (const key of path.split(".")) {
    if (typeof place !== "object" || place === null) return undefined;
    place = (place as Record<string, unknown>)[key];
  }
  return place as OptionValue | undefined;
}

/** The values with one changed; undefined takes it out, and an emptied section with it. Nothing given is altered. */
export function withValue(values: OptionValues, path: string, value: OptionValue | undefined): OptionValues {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return replaced(values, first, value);
  const inner = typeof values[first] === "object" && values[first] !== null ? (values[first] as OptionValues) : {};
  const section = withValue(inner, rest.join("."), value);
  return replaced(values, first, Object.keys(section).length === 0 ? undefined : section);
}

function replaced(values: OptionValues, key: string, value: unknown): OptionValues {
  if (value === undefined) return Object.fromEntries(Object.entries(values).filter(([name]) => name !== key));
  return { ...values, [key]: value };
}

/** The kind a section has by its values, else by the recipe with every default, else by its first field. */
export function kindOf(
  section: string,
  values: OptionValues,
  fields: readonly OptionField[],
  defaults: OptionValues = {},
): string {
  const path = `${section}.kind`;
  const chosen = valueAt(values, path) ?? valueAt(defaults, path);
  if (typeof chosen === "string") return chosen;
  const own = fields.find((field) => field.path === path);
  return typeof own?.default === "string" ? own.default : "";
}

/** Fields that apply to these values, each path once, in the server's order (F30: what does not apply is not shown). */
export function fieldsThatApply(
  fields: readonly OptionField[],
  values: OptionValues,
  defaults: OptionValues = {},
): OptionField[] {
  const seen = new Set<string>();
  return fields.filter((field) => {
    const section = field.path.split(".")[0] ?? "";
    const applies =
      field.kind === "" || field.path.endsWith(".kind") || field.kind === kindOf(section, values, fields, defaults);
    if (!applies || seen.has(field.path)) return false;
    seen.add(field.path);
    return true;
  });
}

/** Fields for this sort, and those of other sorts that have a value, so that it can be taken out (F30). */
export function fieldsFor(
  fields: readonly OptionField[],
  sort: string | undefined,
  values: OptionValues,
): readonly OptionField[] {
  if (sort === undefined || sort === "") return fields;
  const isFor = (field: OptionField) =>
    field.sorts === undefined || field.sorts.length === 0 || field.sorts.includes(sort);
  return fields.filter((field) => isFor(field) || valueAt(values, field.path) !== undefined);
}

/** When a section's kind changes, values of the old kind that the new one lacks go, so that nothing contradicts. */
export function withKind(
  values: OptionValues,
  section: string,
  kind: string,
  fields: readonly OptionField[],
): OptionValues {
  const known = new Set(fields.filter((field) => field.kind === kind || field.kind === "").map((field) => field.path));
  const before =
    typeof values[section] === "object" && values[section] !== null ? (values[section] as OptionValues) : {};
  const kept = Object.entries(before).filter(([name]) => name === "kind" || known.has(`${section}.${name}`));
  return { ...values, [section]: { ...Object.fromEntries(kept), kind } };
}

/** What a person typed as the field's type; undefined when it is no such value yet. */
export function parsed(field: OptionField, typed: string): OptionValue | undefined {
  if (field.type === "texts")
    return typed
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  if (field.type === "text") return typed;
  const plain = typed.normalize("NFKC").trim();
  const number = Number(plain);
  if (plain === "" || !Number.isFinite(number)) return undefined;
  return field.type === "int" && !Number.isInteger(number) ? undefined : number;
}

export function problemsAt(problems: readonly OptionProblem[], path: string): OptionProblem[] {
  return problems.filter((problem) => problem.path === path);
}

/** Fields whose label, path or other name has all the words; full width and case do not matter. */
export function fieldsFound(
  fields: readonly OptionField[],
  search: string,
  label: (path: string) => string,
): OptionField[] {
  const plain = (text: string) => text.normalize("NFKC").toLowerCase();
  const words = plain(search)
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return [];
  return fields.filter((field) => {
    const text = plain(`${label(field.path)} ${field.path} ${field.otherName ?? ""}`);
    return words.every((word) => text.includes(word));
  });
}
