import { describe, expect, it } from "vitest";

import { type EditorAction, editorReducer, type EditorState, firstState, targetIds, targetOf, targets } from "./editor";

const order = ["a", "b", "c", "d"];
const plain = { shiftKey: false, ctrlKey: false };
const after = (...actions: EditorAction[]): EditorState => actions.reduce(editorReducer, firstState);
const pick = (id: string, click = plain): EditorAction => ({ kind: "picture", id, order, click });
const tag = (key: string, click = plain): EditorAction => ({ kind: "tag", key, order, click });

describe("the caption editor", () => {
  it("works on the picture that was clicked, and walks from there without leaving the list", () => {
    const walked = after(pick("b"), { kind: "walk", by: 1, order });
    expect(walked.current).toBe("c");
    expect(after(pick("d"), { kind: "walk", by: 1, order }).current).toBe("d");
    expect(after({ kind: "walk", by: 1, order }).current).toBe("a");
    expect(after({ kind: "walk", by: 1, order: [] }).current).toBeNull();
  });

  it("gathers tags by plain clicks, and takes ranges with Shift", () => {
    expect([...after(tag("a"), tag("c"), tag("a")).tags.ids]).toEqual(["c"]);
    expect([...after(tag("a"), tag("c", { shiftKey: true, ctrlKey: false })).tags.ids]).toEqual(["a", "b", "c"]);
  });

  it("gathers pictures by plain clicks when asked to, which is the way by touch", () => {
    expect([...after(pick("a"), pick("b")).pictures.ids]).toEqual(["b"]);
    expect([...after({ kind: "gather" }, pick("a"), pick("b")).pictures.ids]).toEqual(["a", "b"]);
  });

  it("is for all pictures first, then for what is filtered, then for what is selected", () => {
    expect(targetIds(firstState, order)).toBeNull();
    const filtered = after({ kind: "filter", filter: " hat " });
    expect(targetOf(filtered)).toBe("filtered");
    expect(targetIds(filtered, ["a"])).toEqual(["a"]);
    const selected = after(pick("a"), pick("c", { shiftKey: false, ctrlKey: true }));
    expect(targetOf(selected)).toBe("selected");
    expect(targetIds(selected, order)).toEqual(["a", "c"]);
  });

  it("keeps the target that was chosen as long as it is there", () => {
    const chosen = after({ kind: "filter", filter: "hat" }, { kind: "target", target: "all" });
    expect(targetOf(chosen)).toBe("all");
    expect(targets(chosen)).toEqual(["all", "filtered"]);
    expect(targetOf(editorReducer(chosen, { kind: "filter", filter: "" }))).toBe("all");
    const one = after(pick("a"), { kind: "target", target: "selected" });
    expect(targetOf(one)).toBe("all");
  });

  it("clears one step at a time: tags, then pictures", () => {
    const both = after(pick("a"), pick("b", { shiftKey: false, ctrlKey: true }), tag("a"));
    const once = editorReducer(both, { kind: "clear" });
    expect([once.tags.ids.size, once.pictures.ids.size]).toEqual([0, 2]);
    expect(editorReducer(once, { kind: "clear" }).pictures.ids.size).toBe(0);
  });
});
