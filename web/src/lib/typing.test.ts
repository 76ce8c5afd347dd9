import { describe, expect, it } from "vitest";

import { isConverting, isWriting } from "./typing";

describe("typing", () => {
  it("takes the Enter of a conversion for no Enter, in React's and the browser's events", () => {
    expect(isConverting({ isComposing: true })).toBe(true);
    expect(isConverting({ nativeEvent: { isComposing: false, keyCode: 229 } })).toBe(true);
    expect(isConverting({ nativeEvent: { isComposing: false, keyCode: 13 } })).toBe(false);
  });
  it("knows where people write", () => {
    expect(isWriting(document.createElement("textarea"))).toBe(true);
    expect(isWriting(document.createElement("input"))).toBe(true);
    expect(isWriting(Object.assign(document.createElement("input"), { type: "range" }))).toBe(false);
    expect(isWriting(document.body)).toBe(false);
  });
});
