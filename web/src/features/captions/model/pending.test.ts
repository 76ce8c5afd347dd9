import { describe, expect, it } from "vitest";

import { bookOf, withCaptions } from "./book";
import type { Command } from "./commands";
import { type PendingEdits, pendingReducer, shownBook } from "./pending";

const about = { revision: 1, trigger: "", numToUndo: 0, numToRedo: 0 };
const book = bookOf(
  about,
  ["a", "b"].map((id) => ({ id, name: id, text: "smile", tags: ["smile"] })),
);
const add = (tag: string): Command => ({ kind: "add", tags: [tag], where: "last", anchor: "" });
const ask = (pending: PendingEdits, number: number, tag: string, ids = ["a"]) =>
  pendingReducer(pending, { kind: "asked", edit: { number, command: add(tag), ids } });

describe("edits that wait for the server", () => {
  it("are seen at once, in their order, on the pictures they are for", () => {
    const shown = shownBook(book, ask(ask([], 1, "hat"), 2, "shoes", ["a", "b"]));
    expect(shown.byId.get("a")?.tags).toEqual(["smile", "hat", "shoes"]);
    expect(shown.byId.get("b")?.tags).toEqual(["smile", "shoes"]);
    expect(shown.counts.get("shoes")?.count).toBe(2);
  });

  it("are seen once when the server has confirmed the first of them", () => {
    const confirmed = withCaptions(book, [{ id: "a", name: "a", text: "smile, hat", tags: ["smile", "hat"] }]);
    const rest = pendingReducer(ask(ask([], 1, "hat"), 2, "shoes"), { kind: "done", number: 1 });
    expect(shownBook(confirmed, rest).byId.get("a")?.text).toBe("smile, hat, shoes");
  });

  it("are taken back from the one that failed on; those before it stay", () => {
    const pending = ask(ask(ask([], 1, "hat"), 2, "shoes"), 3, "cape");
    const rest = pendingReducer(pending, { kind: "failed", number: 2 });
    expect(rest.map((edit) => edit.number)).toEqual([1]);
    expect(shownBook(book, rest).byId.get("a")?.tags).toEqual(["smile", "hat"]);
    expect(pendingReducer(rest, { kind: "failed", number: 9 })).toBe(rest);
  });

  it("show the confirmed book itself when none waits", () => {
    expect(shownBook(book, [])).toBe(book);
  });
});
