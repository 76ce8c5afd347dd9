/** Captions as lists of tags, split and joined as the server does it. */

/** Commas as people write them, half and full width, and the Japanese enumeration comma. */
const SEPARATORS = /[,、，]/;

export function splitTags(text: string): string[] {
  return text
    .split(SEPARATORS)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

export function joinTags(tags: readonly string[]): string {
  return tags.join(", ");
}

/** What two spellings of one tag have in common. */
export function sameness(tag: string): string {
  return tag.trim().toLowerCase().replaceAll("_", " ");
}

/** The tag that is being typed: what stands behind the last comma. */
export function lastTyped(text: string): string {
  return text.split(SEPARATORS).at(-1)?.trim() ?? "";
}
