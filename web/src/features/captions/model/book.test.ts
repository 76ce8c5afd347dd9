import { describe, expect, it } from "vitest";

import { type Book, bookOf, type Caption, countTags, hasAny, numHaving, withCaptions } from "./book";
import { keyOf } from "./tag";

const caption = (id: string, text: string): Caption => ({ id, name: `${id}.png`, text, tags: text.split(", ") });
const about = { revision: 1, trigger: "mame", numToUndo: 0, numToRedo: 0 };
const book = bookOf(about, [
  caption("a", "mame, black_hair, smile"),
  caption("b", "mame, black hair, hat"),
  caption("c", "mame, (black hair:1.2), smile, smile"),
]);

describe("tags", () => {
  it("are the same in every spelling, with weights and without", () => {
    expect(new Set(["black_hair", "Black  hair", "((black hair:1.2))", "[black hair]"].map(keyOf)).size).toBe(1);
    expect(keyOf("saber \\(fate\\)")).toBe("saber (fate)");
    expect(keyOf("(black hair, smile:1.2)")).toBe("(black hair, smile:1.2)");
    expect(keyOf(":(")).toBe(":(");
  });
});

describe("a book of captions", () => {
  it("counts pictures, each spelling alike, and a tag that stands twice once", () => {
    expect(book.counts.get("black hair")).toEqual({ shown: "black_hair", count: 3 });
    expect(book.counts.get("smile")?.count).toBe(2);
  });

  it("has the same counts after changes as if it had been counted anew", () => {
    let changed: Book = book;
    for (const next of [caption("a", "mame, hat"), caption("b", "x, y, x"), caption("a", "smile"), caption("c", "")])
      changed = withCaptions(changed, [next]);
    const anew = countTags(changed.byId.values());
    expect(new Map([...changed.counts].map(([key, one]) => [key, one.count]))).toEqual(
      new Map([...anew].map(([key, one]) => [key, one.count])),
    );
  });

  it("keeps captions that did not change as the same objects", () => {
    const changed = withCaptions(book, [caption("a", "mame")], { revision: 2 });
    expect(changed.byId.get("b")).toBe(book.byId.get("b"));
    expect(changed.revision).toBe(2);
    const read = bookOf(about, [caption("a", "mame"), ...[...book.byId.values()].slice(1)], changed);
    expect(read.byId.get("a")).toBe(changed.byId.get("a"));
    expect(
      bookOf(
        { ...about, revision: 2 },
        [...changed.byId.values()].map((one) => ({ ...one })),
        changed,
      ),
    ).toBe(changed);
  });

  it("leaves out pictures it does not know", () => {
    expect(withCaptions(book, [caption("z", "smile")])).toBe(book);
  });

  it("tells which pictures have one of some tags", () => {
    expect(numHaving(book, book.order, new Set(["hat", "smile"]))).toBe(3);
    expect(numHaving(book, book.order, new Set(["smile"]))).toBe(2);
    expect(hasAny(undefined, new Set(["hat"]))).toBe(false);
  });
});
