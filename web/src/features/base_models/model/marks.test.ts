import { expect, test } from "vitest";

import { badgesOf } from "./marks";

test("a badge tells the branch, and a prediction type only where it is not the usual one", () => {
  const model = { family: "sdxl", derivative: "", prediction_type: "epsilon" };
  expect(badgesOf(model)).toEqual([]);
  expect(badgesOf({ ...model, derivative: "noobai", prediction_type: "v_prediction" })).toEqual(["NoobAI", "v-pred"]);
  expect(badgesOf({ ...model, family: "flux", derivative: "schnell", prediction_type: "flow" })).toEqual(["schnell"]);
  expect(badgesOf({ ...model, family: "", prediction_type: "epsilon" })).toEqual([]);
});
