/** What a command on tags makes of a caption, so that it is seen before the server answers. Pure. */
import type { components } from "@/api/schema";
import { joinTags } from "@/lib/tags";

import type { Caption } from "./book";
import { keyOf } from "./tag";

export type Command = components["schemas"]["EditToMake"]["command"];

/** The caption after the command, the same object when nothing changes; null when only the server can tell. */
export function foreseen(caption: Caption, command: Command, trigger: string): Caption | null {
  const tags = tagsAfter(caption.tags, command, trigger);
  if (tags === null) return null;
  const isSame = tags.length === caption.tags.length && tags.every((tag, place) => tag === caption.tags[place]);
  return isSame ? caption : { ...caption, tags, text: joinTags(tags) };
}

export function isForeseeable(command: Command): boolean {
  return tagsAfter([], command, "") !== null;
}

/** Whether it may be done again on captions that others changed: what replaces a whole caption may not. */
export function isRepeatable(command: Command): boolean {
  return command.kind !== "set" && command.kind !== "order";
}

function tagsAfter(tags: readonly string[], command: Command, trigger: string): readonly string[] | null {
  const numTrigger = trigger !== "" && tags[0] !== undefined && keyOf(tags[0]) === keyOf(trigger) ? 1 : 0;
  switch (command.kind) {
    case "add": {
      if (command.where === "before" || command.where === "after") return null;
      const there = new Set(tags.map(keyOf));
      const news = command.tags.filter((tag) => {
        const key = keyOf(tag);
        if (there.has(key)) return false;
        there.add(key);
        return true;
      });
      return command.where === "first"
        ? [...tags.slice(0, numTrigger), ...news, ...tags.slice(numTrigger)]
        : [...tags, ...news];
    }
    case "delete": {
      const gone = new Set(command.tags.map(keyOf));
      if (!command.with_trigger && trigger !== "") gone.delete(keyOf(trigger));
      return tags.filter((tag) => !gone.has(keyOf(tag)));
    }
    case "rename": {
      const old = new Set(command.tags.map(keyOf));
      if (!tags.some((tag) => old.has(keyOf(tag)))) return tags;
      const newKey = keyOf(command.new);
      let isThere = false;
      return tags.flatMap((tag) => {
        const key = keyOf(tag);
        if (!old.has(key) && key !== newKey) return [tag];
        if (isThere) return [];
        isThere = true;
        return [old.has(key) ? command.new : tag];
      });
    }
    case "order": {
      const wanted = new Map(command.tags.map((tag, place) => [keyOf(tag), place]));
      const placeOf = (tag: string) => wanted.get(keyOf(tag)) ?? wanted.size;
      return [...tags.slice(0, numTrigger), ...tags.slice(numTrigger).sort((a, b) => placeOf(a) - placeOf(b))];
    }
    default:
      return null;
  }
}

/** The caption's text with the piece at `place` written anew (blank: taken out); separators stay as they are. */
export function textWith(caption: Caption, place: number, piece: string): string {
  let from = 0;
  let end = 0;
  for (const [index, tag] of caption.tags.entries()) {
    const start = caption.text.indexOf(tag, from);
    if (start < 0) return joinTags(caption.tags.map((one, at) => (at === place ? piece : one)).filter(Boolean));
    if (index === place) {
      const rest = caption.text.slice(start + tag.length);
      if (piece !== "") return caption.text.slice(0, start) + piece + rest;
      return end === 0 ? rest.replace(/^[\s,]+/, "") : caption.text.slice(0, end) + rest;
    }
    end = start + tag.length;
    from = end;
  }
  return caption.text;
}

/** Tags with the one at `from` moved to stand at `to`. */
export function moved(tags: readonly string[], from: number, to: number): readonly string[] {
  const tag = tags[from];
  if (tag === undefined || from === to) return tags;
  const rest = [...tags.slice(0, from), ...tags.slice(from + 1)];
  return [...rest.slice(0, to), tag, ...rest.slice(to)];
}
