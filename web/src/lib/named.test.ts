import { describe, expect, it } from "vitest";

import { afterName } from "./named";

describe("a reason behind the name of its file", () => {
  it("does not name the file again", () => {
    expect(afterName("豆.png", "豆.png は読める画像ではありません。")).toBe(" は読める画像ではありません。");
    expect(afterName("a.zip", "a.zip: a.zip is not a zip file.")).toBe(" is not a zip file.");
  });

  it("stays whole when it begins otherwise, and is apart from the name", () => {
    expect(afterName("a.png", "The line was cut.")).toBe(" The line was cut.");
    expect(afterName("a.png", "")).toBe("");
  });
});
