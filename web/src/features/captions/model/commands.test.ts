import { describe, expect, it } from "vitest";

import type { Caption } from "./book";
import { type Command, foreseen, moved, textWith } from "./commands";

const caption = (text: string): Caption => ({
  id: "a",
  name: "a.png",
  text,
  tags: text.split(/[,\n]/).flatMap((one) => (one.trim() === "" ? [] : [one.trim()])),
});
const after = (text: string, command: Command, trigger = "mame") => foreseen(caption(text), command, trigger)?.text;

describe("what a command will make of a caption", () => {
  it("adds what is missing, behind the trigger or at the end", () => {
    const tags = ["hat", "Smile", "hat"];
    expect(after("mame, smile", { kind: "add", tags, where: "last", anchor: "" })).toBe("mame, smile, hat");
    expect(after("mame, smile", { kind: "add", tags: ["hat"], where: "first", anchor: "" })).toBe("mame, hat, smile");
  });

  it("deletes every spelling, and never the trigger", () => {
    const command: Command = { kind: "delete", tags: ["black hair", "mame"], with_trigger: false };
    expect(after("mame, black_hair, smile, (Black hair:1.2)", command)).toBe("mame, smile");
  });

  it("renames, and merges with what is there", () => {
    expect(after("mame, hat, smile", { kind: "rename", tags: ["hat"], new: "cap" })).toBe("mame, cap, smile");
    expect(after("mame, hat, smile, cap", { kind: "rename", tags: ["hat"], new: "cap" })).toBe("mame, cap, smile");
  });

  it("orders behind the trigger", () => {
    expect(after("mame, a, b, c", { kind: "order", tags: ["c", "b"] })).toBe("mame, c, b, a");
  });

  it("leaves the caption the same object when nothing changes, and says when only the server knows", () => {
    const one = caption("mame, smile");
    expect(foreseen(one, { kind: "delete", tags: ["hat"], with_trigger: false }, "mame")).toBe(one);
    expect(foreseen(one, { kind: "remove_duplicates" }, "mame")).toBeNull();
  });
});

describe("one piece of a text", () => {
  it("is written anew without touching what is around it", () => {
    const one = caption("mame,smile ,\nblack hair, smile");
    expect(textWith(one, 3, "grin")).toBe("mame,smile ,\nblack hair, grin");
    expect(textWith(one, 2, "brown hair")).toBe("mame,smile ,\nbrown hair, smile");
  });

  it("is taken out with the comma in front of it", () => {
    const one = caption("mame, smile, hat");
    expect(textWith(one, 1, "")).toBe("mame, hat");
    expect(textWith(one, 0, "")).toBe("smile, hat");
    expect(textWith(one, 2, "")).toBe("mame, smile");
  });

  it("moves to another place", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
    expect(moved(["a"], 0, 0)).toEqual(["a"]);
  });
});
