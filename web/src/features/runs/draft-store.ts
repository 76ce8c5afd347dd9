/** Where this browser keeps the recipes that are not started yet, one a dataset. */
import type { OptionValues } from "@/ui/option-form/option-fields";

import { hasOwn } from "./model/draft";

const place = (datasetId: string) => `enogu.draft.${datasetId}`;

export function storedDraft(datasetId: string): OptionValues {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place(datasetId)) ?? "{}");
    return typeof found === "object" && found !== null ? (found as OptionValues) : {};
  } catch {
    return {};
  }
}

export function keepDraft(datasetId: string, values: OptionValues) {
  try {
    if (hasOwn(values)) localStorage.setItem(place(datasetId), JSON.stringify(values));
    else localStorage.removeItem(place(datasetId));
  } catch {
    // A browser that keeps nothing: the draft lasts as long as the page.
  }
}
