import { describe, expect, it } from "vitest";

import {
  fieldsFor,
  fieldsFound,
  fieldsThatApply,
  kindOf,
  type OptionField,
  parsed,
  valueAt,
  withKind,
  withValue,
} from "./option-fields";

const field = (path: string, more: Partial<OptionField> = {}): OptionField => ({
  path,
  kind: "",
  type: "int",
  mayBeUnset: false,
  choices: [],
  default: null,
  low: null,
  high: null,
  step: null,
  lowIsOpen: false,
  highIsOpen: false,
  isAdvanced: false,
  ...more,
});
const fields = [
  field("schedule.kind", {
    kind: "cosine_with_restarts",
    type: "text",
    default: "cosine_with_restarts",
    choices: ["cosine_with_restarts"],
  }),
  field("schedule.cycles", { kind: "cosine_with_restarts" }),
  field("schedule.warmup_percent", { kind: "cosine_with_restarts", type: "float" }),
  field("schedule.kind", { kind: "constant", type: "text", default: "constant", choices: ["constant"] }),
  field("training.epochs"),
];

describe("option fields", () => {
  it("shows what is for the sort it is about, and what has a value all the same (F30)", () => {
    const some = [
      field("training.epochs"),
      field("flow.shift", { sorts: ["flux"] }),
      field("noise.offset", { sorts: ["sd15", "sdxl"] }),
    ];
    const paths = (sort: string | undefined, values = {}) => fieldsFor(some, sort, values).map((one) => one.path);
    expect(paths("sd15")).toEqual(["training.epochs", "noise.offset"]);
    expect(paths("flux")).toEqual(["training.epochs", "flow.shift"]);
    expect(paths("flux", { noise: { offset: 0.1 } })).toEqual(["training.epochs", "flow.shift", "noise.offset"]);
    expect(paths(undefined)).toHaveLength(3);
  });
  it("read and change values by dotted path, without altering what was given", () => {
    const before = { training: { epochs: 10 } };
    const after = withValue(before, "training.batch_size", 2);
    expect(valueAt(after, "training.batch_size")).toBe(2);
    expect(before).toEqual({ training: { epochs: 10 } });
    expect(withValue(after, "training.epochs", undefined)).toEqual({ training: { batch_size: 2 } });
    expect(withValue({ training: { epochs: 1 } }, "training.epochs", undefined)).toEqual({});
    expect(valueAt({}, "training.epochs")).toBeUndefined();
  });
  it("show only what applies to the chosen kind, each path once", () => {
    const paths = (values: object) => fieldsThatApply(fields, values as never).map((one) => one.path);
    expect(paths({})).toEqual(["schedule.kind", "schedule.cycles", "schedule.warmup_percent", "training.epochs"]);
    expect(paths({ schedule: { kind: "constant" } })).toEqual(["schedule.kind", "training.epochs"]);
  });
  it("drop what the new kind does not know", () => {
    const values = { schedule: { kind: "cosine_with_restarts", cycles: 3 } };
    expect(withKind(values, "schedule", "constant", fields)).toEqual({ schedule: { kind: "constant" } });
    expect(kindOf("schedule", {}, fields)).toBe("cosine_with_restarts");
  });
  it("read numbers as people type them, full width too, and wait while they are unfinished", () => {
    expect(parsed(field("a"), "１２")).toBe(12);
    expect(parsed(field("a", { type: "float" }), "1e-4")).toBe(0.0001);
    expect(parsed(field("a"), "1.5")).toBeUndefined();
    expect(parsed(field("a"), "")).toBeUndefined();
    expect(parsed(field("a", { type: "float" }), "1e-")).toBeUndefined();
  });
  it("read one prompt a line", () => {
    expect(parsed(field("a", { type: "texts" }), " one, two \n\nthree")).toEqual(["one, two", "three"]);
  });
  it("are found by what they are called here and in another program", () => {
    const some = [
      field("training.epochs", { otherName: "max_train_epochs" }),
      field("adapter.dim", { otherName: "network_dim" }),
    ];
    const found = (text: string) =>
      fieldsFound(some, text, (path) => (path === "adapter.dim" ? "ネットワーク次元" : path)).map((one) => one.path);
    expect(found("ネットワーク")).toEqual(["adapter.dim"]);
    expect(found("ＭＡＸ_train")).toEqual(["training.epochs"]);
    expect(found("  ")).toEqual([]);
  });
});
