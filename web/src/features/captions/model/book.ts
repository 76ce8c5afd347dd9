/**
 * All captions of a dataset, with the union of their tags. Pure.
 *
 * Counts follow a change by the tags of the captions it touched: an edit of one picture among a thousand costs what
 * that picture costs. A caption that did not change stays the same object, so that nothing shows it anew.
 */
import { keyOf } from "./tag";

export interface Caption {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  /** Its pieces as written. */
  readonly tags: readonly string[];
}

export interface TagCount {
  /** A spelling of it. */
  readonly shown: string;
  /** Pictures that have it. */
  readonly count: number;
}

export type Counts = ReadonlyMap<string, TagCount>;

export interface Book {
  readonly revision: number;
  readonly trigger: string;
  readonly numToUndo: number;
  readonly numToRedo: number;
  /** Ids in the order of the dataset. */
  readonly order: readonly string[];
  readonly byId: ReadonlyMap<string, Caption>;
  readonly counts: Counts;
}

type About = Pick<Book, "revision" | "trigger" | "numToUndo" | "numToRedo">;

/** A book of what was just read; captions that are as they were in `before` stay the same objects. */
export function bookOf(about: About, captions: readonly Caption[], before?: Book): Book {
  const byId = new Map<string, Caption>();
  let isSame = before !== undefined && before.order.length === captions.length;
  captions.forEach((read, place) => {
    const old = before?.byId.get(read.id);
    const kept = old !== undefined && isSameCaption(old, read) ? old : read;
    isSame = isSame && kept === old && before?.order[place] === read.id;
    byId.set(read.id, kept);
  });
  if (isSame && before !== undefined) {
    const isSameAbout = (Object.keys(about) as (keyof About)[]).every((name) => before[name] === about[name]);
    return isSameAbout ? before : { ...before, ...about };
  }
  return { ...about, order: captions.map((one) => one.id), byId, counts: countTags(byId.values()) };
}

/** The book after some captions became others. */
export function withCaptions(book: Book, changed: readonly Caption[], about: Partial<About> = {}): Book {
  const news = changed.filter((one) => {
    const old = book.byId.get(one.id);
    return old !== undefined && !isSameCaption(old, one);
  });
  if (news.length === 0) return Object.keys(about).length === 0 ? book : { ...book, ...about };
  const byId = new Map(book.byId);
  const counts = new Map(book.counts);
  for (const caption of news) {
    const old = byId.get(caption.id);
    byId.set(caption.id, caption);
    const before = keysOf(old);
    const after = keysOf(caption);
    for (const key of before.keys()) if (!after.has(key)) add(counts, key, "", -1);
    for (const [key, tag] of after) if (!before.has(key)) add(counts, key, tag, 1);
  }
  return { ...book, ...about, byId, counts };
}

/** Pictures per tag of these captions; a tag that stands twice in one counts once. */
export function countTags(captions: Iterable<Caption>): Counts {
  const counts = new Map<string, { shown: string; count: number }>();
  for (const caption of captions) {
    for (const [key, tag] of keysOf(caption)) {
      const found = counts.get(key);
      if (found === undefined) counts.set(key, { shown: tag, count: 1 });
      else found.count += 1;
    }
  }
  return counts;
}

/** How many of these pictures have at least one of the tags. */
export function numHaving(book: Book, ids: readonly string[], keys: ReadonlySet<string>): number {
  return ids.filter((id) => hasAny(book.byId.get(id), keys)).length;
}

export function hasAny(caption: Caption | undefined, keys: ReadonlySet<string>): boolean {
  const own = keysOf(caption);
  for (const key of keys) if (own.has(key)) return true;
  return false;
}

const known = new WeakMap<Caption, ReadonlyMap<string, string>>();
const NONE: ReadonlyMap<string, string> = new Map();

/** Key to first spelling, worked out once per caption. */
export function keysOf(caption: Caption | undefined): ReadonlyMap<string, string> {
  if (caption === undefined) return NONE;
  let keys = known.get(caption);
  if (keys === undefined) {
    const found = new Map<string, string>();
    for (const tag of caption.tags) {
      const key = keyOf(tag);
      if (!found.has(key)) found.set(key, tag);
    }
    keys = found;
    known.set(caption, keys);
  }
  return keys;
}

function isSameCaption(one: Caption, other: Caption): boolean {
  return one.text === other.text && one.name === other.name && one.tags.length === other.tags.length;
}

function add(counts: Map<string, TagCount>, key: string, tag: string, by: number): void {
  const found = counts.get(key);
  const count = (found?.count ?? 0) + by;
  if (count <= 0) counts.delete(key);
  else counts.set(key, { shown: found?.shown ?? tag, count });
}
