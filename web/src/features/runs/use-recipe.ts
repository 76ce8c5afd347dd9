/** The draft of a dataset's recipe, kept in this browser, and what the studio says of it as one types. */
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type BaseModel, baseModelQueries } from "@/features/base_models/public";
import type { OptionProblem, OptionValue, OptionValues } from "@/ui/option-form/option-fields";

import { keepDraft, storedDraft } from "./draft-store";
import { type RecipeAsked, suitedTo } from "./first-plan";
import { baseModelOf, merged } from "./model/draft";
import { optionFields, runQueries } from "./queries";

/** What was set for this dataset and not started yet; it outlives the page. */
export function useRecipeDraft(datasetId: string) {
  const [own, setOwn] = useState(() => storedDraft(datasetId));
  const change = (values: OptionValues) => {
    setOwn(values);
    keepDraft(datasetId, values);
  };
  return { own, change };
}

export function useRecipe(asked: RecipeAsked) {
  const { own } = asked;
  const schema = useQuery(runQueries.fields()).data ?? [];
  const presets = useQuery(runQueries.presets());
  const named = baseModelOf(own);
  const model: BaseModel | undefined = useQuery({ ...baseModelQueries.detail(named), retry: false }).data;
  const suited = suitedTo(asked, model, presets.data ?? []);
  const values = merged(suited, own);
  const [settled] = useDebouncedValue(JSON.stringify(values), 300);
  const recipe = JSON.parse(settled) as OptionValues;
  const checked = useQuery({ ...runQueries.check(recipe), enabled: presets.isSuccess });
  const check = checked.data;
  const isFine = check?.is_fine === true;
  // While the check of what was just typed is on its way, its answer is the one before; a plan waits for its own.
  const plan = useQuery({
    ...runQueries.plan(asked.datasetId, recipe, asked.revision),
    enabled: isFine && !checked.isPlaceholderData && asked.hasPictures,
  });
  const problems: OptionProblem[] = (check?.problems ?? []).map((one) => {
    const fix = one.fix as Record<string, OptionValue> | undefined;
    return {
      path: one.path,
      message: one.message,
      cure: one.cure,
      fix: fix !== undefined && Object.keys(fix).length > 0 ? fix : undefined,
    };
  });
  return {
    schema,
    fields: optionFields(schema),
    baseModel: named,
    family: model?.family,
    suited,
    values,
    filled: (check?.recipe ?? values) as OptionValues,
    problems,
    isFine,
    isCurrent: settled === JSON.stringify(values),
    plan,
  };
}

export type Recipe = ReturnType<typeof useRecipe>;
