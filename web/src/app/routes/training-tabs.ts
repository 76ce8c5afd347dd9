/** The tabs of the training page, as they stand in its address. */

export const TRAINING_TABS = ["datasets", "runs", "loras", "base_models"] as const;
export type TrainingTab = (typeof TRAINING_TABS)[number];

export function tabOf(search: Record<string, unknown>): { tab?: TrainingTab } {
  const tab = TRAINING_TABS.find((one) => one === search["tab"]);
  return tab === undefined ? {} : { tab };
}
