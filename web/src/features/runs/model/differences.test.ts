import { describe, expect, it } from "vitest";

import { grouped } from "./differences";

const change = (path: string) => ({ path, before: 1, after: 2, sentence: "" });
const schema = ["output_name", "pictures.repeats", "adapter.dim", "training.epochs"].map((path) => ({ path }));

describe("the differences of two recipes", () => {
  it("stand in the groups of the form and in their order, each group once", () => {
    const groups = grouped(
      [change("training.epochs"), change("pictures.repeats"), change("output_name"), change("pictures.flip")],
      schema,
    );
    expect(groups.map((group) => [group.section, group.changes.map((one) => one.path)])).toEqual([
      ["", ["output_name"]],
      ["pictures", ["pictures.repeats", "pictures.flip"]],
      ["training", ["training.epochs"]],
    ]);
  });

  it("lose none whose group the form does not know", () => {
    expect(grouped([change("flow.shift")], schema)).toEqual([{ section: "flow", changes: [change("flow.shift")] }]);
  });
});
