import { describe, expect, it } from "vitest";

import { type EditHistory, emptyHistory, record, redo, undo } from "./edit-history";

describe("edit history", () => {
  it("undoes and does again in order", () => {
    let history: EditHistory<string> = record(record(emptyHistory, "a"), "b");
    const taken = undo(history);
    expect(taken?.[0]).toBe("b");
    history = taken![1];
    expect(redo(history)?.[0]).toBe("b");
    expect(redo(history)?.[1]).toEqual({ past: ["a", "b"], future: [] });
  });
  it("forgets what was undone when something new is done", () => {
    const history = record(undo(record(emptyHistory, "a"))![1], "c");
    expect(history).toEqual({ past: ["c"], future: [] });
    expect(redo(history)).toBeUndefined();
  });
  it("has nothing to undo at the start", () => {
    expect(undo(emptyHistory)).toBeUndefined();
  });
});
