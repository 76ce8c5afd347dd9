/** Which base model a recipe names. */
interface Named {
  readonly id: string;
  readonly name: string;
}

/** A recipe names a base model by id, or by name; without one it is the starter. */
export function chosenModel<Model extends Named>(models: readonly Model[], named: string): Model | undefined {
  return models.find((model) => model.id === named) ?? models.find((model) => model.name === named);
}
