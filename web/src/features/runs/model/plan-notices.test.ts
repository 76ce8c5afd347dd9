import { describe, expect, it } from "vitest";

import type { PlannedRun } from "../queries";
import { gravestOf } from "./plan-notices";

const fine = { can_train: true, is_affordable: true, over_limits: [], notes: [], memory: null };
const note: PlannedRun["notes"][number] = { kind: "no_trigger", path: "trigger", message: "", cure: "" };
const limit: PlannedRun["over_limits"][number] = { path: "training.epochs", message: "", cure: "", fix: {} };
const memory = (fits: boolean | null) => ({ fits }) as NonNullable<PlannedRun["memory"]>;

describe("what a plan's notices weigh", () => {
  it("is nothing where there is none", () => {
    expect(gravestOf(fine)).toBeUndefined();
    expect(gravestOf({ ...fine, memory: memory(true) })).toBeUndefined();
    expect(gravestOf({ ...fine, memory: memory(null) })).toBeUndefined();
  });

  it("is what stops the run before what would probably stop it, and that before what is good to know", () => {
    const all = { ...fine, notes: [note], memory: memory(false) };
    expect(gravestOf({ ...fine, notes: [note] })).toBe("notes");
    expect(gravestOf(all)).toBe("memory");
    expect(gravestOf({ ...all, can_train: false })).toBe("blocked");
    expect(gravestOf({ ...all, is_affordable: false })).toBe("blocked");
    expect(gravestOf({ ...all, over_limits: [limit] })).toBe("blocked");
  });
});
