import { describe, expect, it } from "vitest";

import { clicked, everythingSelected, nothingSelected, type Selection } from "./selection";

const order = ["a", "b", "c", "d", "e"];
const plain = { shiftKey: false, ctrlKey: false };
const shift = { shiftKey: true, ctrlKey: false };
const ctrl = { shiftKey: false, ctrlKey: true };
const ids = (selection: Selection) => [...selection.ids].sort();

describe("selection", () => {
  it("selects one with a click and lets it go with another", () => {
    const one = clicked(nothingSelected, "b", order, plain);
    expect(ids(one)).toEqual(["b"]);
    expect(ids(clicked(one, "b", order, plain))).toEqual([]);
  });
  it("takes a range from the anchor, in either direction", () => {
    expect(ids(clicked(clicked(nothingSelected, "d", order, plain), "b", order, shift))).toEqual(["b", "c", "d"]);
    expect(ids(clicked(clicked(nothingSelected, "b", order, plain), "d", order, shift))).toEqual(["b", "c", "d"]);
  });
  it("treats a range without an anchor as a plain click", () => {
    expect(ids(clicked(nothingSelected, "e", order, shift))).toEqual(["e"]);
  });
  it("takes a range away after the anchor was let go", () => {
    const without = clicked(everythingSelected(order), "b", order, ctrl);
    expect(ids(clicked(without, "d", order, shift))).toEqual(["a", "e"]);
  });
  it("toggles with plain clicks once several are selected, as phones need", () => {
    const several = clicked(clicked(nothingSelected, "a", order, plain), "b", order, ctrl);
    expect(ids(clicked(several, "c", order, plain))).toEqual(["a", "b", "c"]);
  });
});
