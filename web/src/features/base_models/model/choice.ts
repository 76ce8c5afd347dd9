/** Which base models a person may choose from, and which one a recipe names. */
interface Named {
  readonly id: string;
  readonly name: string;
  readonly family: string;
  readonly can_train: boolean;
}

/** A recipe names a base model by id, or by name; without one it is the starter. */
export function chosenModel<Model extends Named>(models: readonly Model[], named: string): Model | undefined {
  return models.find((model) => model.id === named) ?? models.find((model) => model.name === named);
}

/** Usable ones first, each kind in the order the server gave. */
export function usableFirst<Model extends Named>(models: readonly Model[]): Model[] {
  return [...models.filter((model) => model.can_train), ...models.filter((model) => !model.can_train)];
}

export function familiesOf(models: readonly Named[]): string[] {
  return [...new Set(models.map((model) => model.family))].filter((family) => family !== "").sort();
}
