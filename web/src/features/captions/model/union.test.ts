import { describe, expect, it } from "vitest";

import { withoutTags } from "./union";

const tag = (key: string, is_trigger = false) => ({ key, count: 1, is_trigger });

describe("union", () => {
  it("loses deleted tags at once and never the trigger", () => {
    const union = [tag("zdm", true), tag("smile"), tag("hat")];
    expect(withoutTags(union, new Set(["zdm", "hat"])).map((one) => one.key)).toEqual(["zdm", "smile"]);
    expect(union).toHaveLength(3);
  });
});
