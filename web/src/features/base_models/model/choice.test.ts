import { expect, test } from "vitest";

import { chosenModel, familiesOf, usableFirst } from "./choice";

const models = [
  { id: "1", name: "broken", family: "", can_train: false },
  { id: "2", name: "pony", family: "sdxl", can_train: true },
  { id: "starter", name: "Starter", family: "starter", can_train: true },
];

test("a recipe names a model by its id or its name", () => {
  expect(chosenModel(models, "starter")?.name).toBe("Starter");
  expect(chosenModel(models, "pony")?.id).toBe("2");
  expect(chosenModel(models, "gone")).toBeUndefined();
});

test("usable ones come first, and families are named once", () => {
  expect(usableFirst(models).map((model) => model.id)).toEqual(["2", "starter", "1"]);
  expect(familiesOf(models)).toEqual(["sdxl", "starter"]);
});
