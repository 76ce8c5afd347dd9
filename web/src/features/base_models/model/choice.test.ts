import { expect, test } from "vitest";

import { chosenModel } from "./choice";

const models = [
  { id: "2", name: "pony" },
  { id: "starter", name: "Starter" },
];

test("a recipe names a model by its id or its name", () => {
  expect(chosenModel(models, "starter")?.name).toBe("Starter");
  expect(chosenModel(models, "pony")?.id).toBe("2");
  expect(chosenModel(models, "gone")).toBeUndefined();
});
