/** Filter expressions, as the server's `rules/filters.py` reads them, made of tags that were chosen. Pure. */

/** A tag as a word of a filter; quoted where it would mean something else. */
export function filterWord(tag: string): string {
  const isPlain = /^[\p{L}\p{N}][\p{L}\p{N}_']*$/u.test(tag) && !["AND", "OR", "NOT"].includes(tag);
  return isPlain ? tag : `"${tag.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export type Joining = "all" | "any" | "none";

export function filterOf(tags: readonly string[], joining: Joining): string {
  const words = tags.map(filterWord);
  if (joining === "all") return words.join(" AND ");
  const either = words.length > 1 ? `(${words.join(" OR ")})` : words.join("");
  return joining === "any" ? words.join(" OR ") : `NOT ${either}`;
}

/** A second condition on top of what is filtered already. */
export function narrowed(before: string, more: string): string {
  if (before.trim() === "" || before.trim() === more) return more;
  const grouped = (text: string) => (/\bOR\b/.test(text) && !/^\(.*\)$/.test(text) ? `(${text})` : text);
  return `${grouped(before.trim())} AND ${grouped(more)}`;
}
