import { describe, expect, it } from "vitest";

import { filesTogether, goesByTus, LARGE_BYTES } from "./parcels";

const given = (...paths: string[]) => paths.map((path) => ({ path, file: { size: 10 } }));
const paths = (...some: string[]) => filesTogether(given(...some)).map((one) => one.files.map((file) => file.path));

describe("files that are sent together", () => {
  it("send a caption with its picture, in whatever order they were chosen", () => {
    expect(paths("b.txt", "a.png", "b.PNG", "a.caption")).toEqual([
      ["a.png", "a.caption"],
      ["b.PNG", "b.txt"],
    ]);
  });
  it("know a decomposed name of a Mac for the same", () => {
    expect(paths("が.txt".normalize("NFD"), "が.png".normalize("NFC"))).toHaveLength(1);
  });
  it("keep folders apart, whose pictures may have the same names", () => {
    expect(paths("20_zdm 1boy/a.png", "10_other/a.png", "10_other/a.txt")).toEqual([
      ["20_zdm 1boy/a.png"],
      ["10_other/a.png", "10_other/a.txt"],
    ]);
  });
  it("send captions of pictures that are there already after all pictures", () => {
    expect(paths("there.txt", "new.png")).toEqual([["new.png"], ["there.txt"]]);
  });
  it("send a mask with its picture, and masks of pictures that are there already last", () => {
    expect(
      paths("set/masks/gone.png", "set/masks/a.png", "set/masks/5_b/a.png", "set/20_zdm/a.png", "set/5_b/a.png"),
    ).toEqual([
      ["set/20_zdm/a.png", "set/masks/a.png"],
      ["set/5_b/a.png", "set/masks/5_b/a.png"],
      ["set/masks/gone.png"],
    ]);
  });
  it("leave aside what systems put into folders", () => {
    expect(paths("set/.DS_Store", "set/Thumbs.db", "__MACOSX/set/._a.png", "set/a.png")).toEqual([["set/a.png"]]);
  });
  it("go by tus when they are large or a zip", () => {
    expect(filesTogether(given("a.png")).map(goesByTus)).toEqual([false]);
    expect(filesTogether(given("a.zip")).map(goesByTus)).toEqual([true]);
    expect(filesTogether([{ path: "a.tiff", file: { size: LARGE_BYTES + 1 } }]).map(goesByTus)).toEqual([true]);
  });
});
