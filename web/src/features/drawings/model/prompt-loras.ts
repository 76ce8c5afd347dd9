/**
 * LoRAs in a prompt, `<lora:name:weight>`: read, written, moved by a slider. The prompt is the one truth: what sliders
 * show is read from it, and what they do is written into it. Pure.
 */

export interface PromptLora {
  readonly name: string;
  readonly weight: number;
}

export interface PromptTag extends PromptLora {
  readonly start: number;
  readonly end: number;
  /** Such as `<lora:a:0.5:1>`: two weights, which no slider can show. */
  readonly isOdd: boolean;
}

const TAG = /<(?:lora|lyco):([^<>]+)>/gi;

/** What names are compared by, as the library does: case and width do not count. */
export function nameKey(name: string): string {
  return name.normalize("NFKC").trim().toLowerCase();
}

export function promptTags(prompt: string): PromptTag[] {
  return [...prompt.matchAll(TAG)].map((match) => {
    const [name = "", ...settings] = (match[1] ?? "").split(":").map((part) => part.trim());
    const weights = settings.map((part) => Number(part.replace(/^(te|unet)\s*=\s*/i, "")));
    const [weight = 1] = weights;
    const isOdd = weights.some((one) => Number.isNaN(one) || one !== weight);
    return {
      name,
      weight: Number.isNaN(weight) ? 1 : weight,
      isOdd,
      start: match.index,
      end: match.index + match[0].length,
    };
  });
}

/** Each LoRA once, in the order of the prompt; one that is written twice counts with the sum. */
export function promptLoras(prompt: string): PromptLora[] {
  const found = new Map<string, PromptLora>();
  for (const { name, weight } of promptTags(prompt)) {
    const before = found.get(nameKey(name));
    found.set(nameKey(name), { name: before?.name ?? name, weight: rounded((before?.weight ?? 0) + weight) });
  }
  return [...found.values()];
}

export function writeTag(name: string, weight: number): string {
  return `<lora:${name}:${rounded(weight)}>`;
}

/** The prompt with this LoRA at this weight: its first tag changed, further ones gone, and added where there is none. */
export function withLora(prompt: string, name: string, weight: number): string {
  const own = promptTags(prompt).filter((tag) => nameKey(tag.name) === nameKey(name));
  const [first, ...further] = own;
  if (first === undefined) {
    const text = prompt.trimEnd();
    const join = text === "" ? "" : /[,、，]$/.test(text) ? " " : ", ";
    return `${text}${join}${writeTag(name, weight)}`;
  }
  const bare = cut(prompt, further);
  return bare.slice(0, first.start) + writeTag(first.name, weight) + bare.slice(first.end);
}

export function withoutLora(prompt: string, name: string): string {
  return cut(
    prompt,
    promptTags(prompt).filter((tag) => nameKey(tag.name) === nameKey(name)),
  );
}

/** The trigger in front, unless all its tags are there already. */
export function withTrigger(prompt: string, trigger: string): string {
  const wanted = tagsOf(trigger);
  const there = new Set(tagsOf(prompt));
  if (wanted.every((tag) => there.has(tag))) return prompt;
  return prompt.trim() === "" ? trigger.trim() : `${trigger.trim()}, ${prompt.trimStart()}`;
}

/** The prompt without the tags of a trigger, where they stand alone between commas. */
export function withoutTrigger(prompt: string, trigger: string): string {
  const gone = new Set(tagsOf(trigger));
  if (gone.size === 0) return prompt;
  return prompt
    .split(",")
    .filter((part) => !gone.has(part.trim().toLowerCase()))
    .join(",")
    .trimStart();
}

export interface Completion {
  /** Where the unfinished tag begins. */
  readonly start: number;
  readonly query: string;
}

/** The tag that is being typed before the caret; null when none is. */
export function completionAt(text: string, caret: number): Completion | null {
  const start = text.lastIndexOf("<", caret - 1);
  if (start < 0) return null;
  const typed = text.slice(start + 1, caret);
  const named = /^(?:lora|lyco):([^<>:\n]*)$/i.exec(typed);
  if (named !== null) return { start, query: named[1] ?? "" };
  return "lora:".startsWith(typed.toLowerCase()) ? { start, query: "" } : null;
}

/** The text with the unfinished tag written whole, and where the caret goes. */
export function completed(
  text: string,
  caret: number,
  start: number,
  lora: PromptLora,
): { text: string; caret: number } {
  const rest = text.slice(caret).replace(/^[^<>,\n]*>/, "");
  const before = text.slice(0, start) + writeTag(lora.name, lora.weight);
  return { text: before + rest, caret: before.length };
}

/** Tags cut out, with the comma and the spaces that belonged to them. */
function cut(prompt: string, tags: readonly PromptTag[]): string {
  return tags.reduceRight((text, tag) => {
    const before = text.slice(0, tag.start).replace(/[ \t]+$/, "");
    const after = text.slice(tag.end).replace(/^[ \t]+/, "");
    if (after === "") return before.replace(/,$/, "");
    if (before === "") return after.replace(/^,\s*/, "");
    if (before.endsWith(",") && after.startsWith(",")) return before + after.slice(1);
    return /[,\n]$/.test(before) || /^[,\n]/.test(after) ? spaced(before, after) : `${before} ${after}`;
  }, prompt);
}

function spaced(before: string, after: string): string {
  return /^[,\n]/.test(after) || before.endsWith("\n") ? before + after : `${before} ${after}`;
}

function tagsOf(text: string): string[] {
  return text
    .split(",")
    .map((tag) => tag.trim().toLowerCase())
    .filter((tag) => tag !== "");
}

function rounded(weight: number): number {
  return Math.round(weight * 100) / 100 || 0;
}
