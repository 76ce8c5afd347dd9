import { describe, expect, it, vi } from "vitest";

import { type Action, actionFor, conflicts, type Pressed, shownKeys } from "./actions";

const press = (key: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  target: null,
  ...more,
});
const action = (id: string, keys: string[], more: Partial<Action> = {}): Action => ({
  id,
  text: id,
  keys,
  perform: vi.fn(),
  ...more,
});

describe("actions", () => {
  const all = [action("undo", ["mod+z"]), action("redo", ["mod+shift+z"]), action("help", ["?"])];

  it("takes undo back from a field only while nothing is in it", () => {
    const field = document.createElement("input");
    const undo = [action("undo", ["mod+z"], { worksInEmptyField: true })];
    expect(actionFor(press("z", { ctrlKey: true, target: field }), undo)?.id).toBe("undo");
    field.value = "smi";
    expect(actionFor(press("z", { ctrlKey: true, target: field }), undo)).toBeUndefined();
  });

  it("tells undo from redo, with Ctrl or Cmd", () => {
    expect(actionFor(press("z", { ctrlKey: true }), all)?.id).toBe("undo");
    expect(actionFor(press("Z", { metaKey: true, shiftKey: true }), all)?.id).toBe("redo");
    expect(actionFor(press("z"), all)).toBeUndefined();
  });
  it("knows a key by its place when the keyboard writes kana", () => {
    expect(actionFor(press("つ", { code: "KeyZ", ctrlKey: true }), all)?.id).toBe("undo");
  });
  it("does nothing while a conversion is open or somebody writes", () => {
    expect(actionFor(press("z", { ctrlKey: true, isComposing: true }), all)).toBeUndefined();
    expect(actionFor(press("?", { shiftKey: true, target: document.createElement("input") }), all)).toBeUndefined();
    expect(actionFor(press("?", { shiftKey: true }), all)?.id).toBe("help");
  });
  it("knows the plus as a key, on whichever keyboard, alone and with another one held", () => {
    const zoom = [action("near", ["+"]), action("nearest", ["mod++"])];
    expect(actionFor(press("+", { shiftKey: true, code: "Semicolon" }), zoom)?.id).toBe("near");
    expect(actionFor(press("+", { ctrlKey: true }), zoom)?.id).toBe("nearest");
    expect(shownKeys("+", false)).toBe("+");
    expect(shownKeys("mod++", false)).toBe("Ctrl++");
  });
  it("passes over what is not possible just now", () => {
    expect(
      actionFor(press("z", { ctrlKey: true }), [action("undo", ["mod+z"], { isEnabled: () => false })]),
    ).toBeUndefined();
  });
  it("finds two actions on one key", () => {
    expect(conflicts([...all, action("zoom", ["mod+z"])])).toEqual(["mod+z: undo, zoom"]);
  });
  it("shows keys as the system writes them", () => {
    expect(shownKeys("mod+shift+z", false)).toBe("Ctrl+Shift+Z");
    expect(shownKeys("mod+z", true)).toBe("⌘Z");
  });
});
