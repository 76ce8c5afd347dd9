import { describe, expect, it } from "vitest";

import { conflicts } from "@/ui/keys/actions";

import { editorActions } from "../components/use-editor-actions";
import { captionDiff, shortened } from "./diff";
import { filterOf, filterWord, narrowed } from "./filter";
import { listed, unionOf } from "./union";

describe("the union", () => {
  const counts = new Map([
    ["smile", { shown: "smile", count: 3 }],
    ["mame", { shown: "mame", count: 2 }],
    ["black hair", { shown: "black_hair", count: 5 }],
  ]);
  const known = new Map([["black hair", { category: "general", translation: "黒髪", shown: "black hair" }]]);
  const union = unionOf(counts, known, "mame");
  const keys = (sort: "count" | "name", search = "") => listed(union, sort, search).map((one) => one.key);

  it("has the trigger first in every order", () => {
    expect(keys("count")).toEqual(["mame", "black hair", "smile"]);
    expect(keys("name")).toEqual(["mame", "black hair", "smile"]);
  });

  it("is searched by name in any spelling, and by translation", () => {
    expect(keys("count", "Black_H")).toEqual(["black hair"]);
    expect(keys("count", "黒")).toEqual(["black hair"]);
    expect(keys("count", "nothing")).toEqual([]);
  });
});

describe("a filter made of tags", () => {
  it("quotes what would be read as something else", () => {
    expect(["smile", "black_hair", "AND", "saber (fate)", 'a"b', "-x", "count>3", "猫耳"].map(filterWord)).toEqual([
      "smile",
      "black_hair",
      '"AND"',
      '"saber (fate)"',
      '"a\\"b"',
      '"-x"',
      '"count>3"',
      "猫耳",
    ]);
  });

  it("joins them, and narrows what is filtered already", () => {
    expect(filterOf(["a", "b"], "all")).toBe("a AND b");
    expect(filterOf(["a", "b"], "none")).toBe("NOT (a OR b)");
    expect(narrowed("a OR b", "NOT c")).toBe("(a OR b) AND NOT c");
    expect(narrowed("", "c")).toBe("c");
  });
});

describe("a difference", () => {
  it("names what goes and what comes, and leaves out what is far from it", () => {
    const parts = captionDiff("a, b, c, d, e, f, g", "a, b, c, d, x, f, g");
    expect(parts.filter((part) => part.kind !== "same")).toEqual([
      { kind: "gone", text: "e" },
      { kind: "new", text: "x" },
    ]);
    expect(shortened(parts, 1)[0]).toBe("gap");
  });
});

describe("the keys of the editor", () => {
  it("have one meaning each", () => {
    const actions = editorActions({ isFree: true, canUndo: true, canRedo: true, hasTags: true }, () => undefined);
    expect(conflicts(actions)).toEqual([]);
  });
});
