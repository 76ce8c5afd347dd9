import { describe, expect, it } from "vitest";

import { held, isOvertaken, noDrafts, onLeaving, typed } from "./drafts";

describe("captions typed as prose", () => {
  it("are saved when one leaves them, unless nothing was changed", () => {
    const drafts = typed(noDrafts, "a", "a hat", "a cap");
    expect(onLeaving(drafts.get("a"), "a cap")).toBe("save");
    expect(onLeaving(typed(drafts, "a", "a cap ", "a cap").get("a"), "a cap")).toBe("forget");
    expect(typed(drafts, "a", "a cap", "a cap").size).toBe(0);
  });
  it("are held when the caption became another one meanwhile, however much is typed then", () => {
    const drafts = typed(typed(noDrafts, "a", "a hat", "a cap"), "a", "a hat!", "a bow");
    const draft = drafts.get("a");
    expect(draft !== undefined && isOvertaken(draft, "a bow")).toBe(true);
    expect(onLeaving(draft, "a bow")).toBe("hold");
  });
  it("come back when they could not be saved, and are then not saved by themselves", () => {
    const draft = { words: "a hat", over: "a cap", isHeld: false };
    const drafts = held(noDrafts, "a", draft);
    expect(drafts.get("a")).toEqual({ ...draft, isHeld: true });
    expect(onLeaving(drafts.get("a"), "a cap")).toBe("nothing");
    expect(held(typed(noDrafts, "a", "a hat, new", "a hat"), "a", draft).get("a")?.words).toBe("a hat, new");
  });
});
