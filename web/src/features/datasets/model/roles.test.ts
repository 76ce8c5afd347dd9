import { describe, expect, it } from "vitest";

import { choicesOf, isShown, SHOWN } from "./roles";

const learnt = { is_regularisation: false, mask_url: null };
const masked = { is_regularisation: false, mask_url: "/mask" };
const spared = { is_regularisation: true, mask_url: null };

describe("roles of pictures", () => {
  it("leave nothing to choose while all pictures are alike", () => {
    expect(choicesOf([learnt, learnt])).toEqual([]);
  });
  it("offer what there is", () => {
    expect(choicesOf([learnt, masked])).toEqual(["all", "masked"]);
    expect(choicesOf([learnt, spared])).toEqual(["all", "learnt", "regularisation"]);
    expect(choicesOf([masked, spared])).toEqual(SHOWN);
  });
  it("show those that were asked for", () => {
    const shown = (which: (typeof SHOWN)[number]) => [learnt, masked, spared].filter((one) => isShown(one, which));
    expect(shown("all")).toEqual([learnt, masked, spared]);
    expect(shown("learnt")).toEqual([learnt, masked]);
    expect(shown("regularisation")).toEqual([spared]);
    expect(shown("masked")).toEqual([masked]);
  });
});
