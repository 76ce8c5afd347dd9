/** The recipe a dataset's page sends as one types, and its first answers before the page is drawn. */
import type { QueryClient } from "@tanstack/react-query";

import { type BaseModel, baseModelQueries } from "@/features/base_models/public";
import type { OptionValues } from "@/ui/option-form/option-fields";

import { baseModelOf, merged, suitedValues } from "./model/draft";
import { type Preset, runQueries } from "./queries";

export interface RecipeAsked {
  readonly datasetId: string;
  readonly revision: number;
  readonly own: OptionValues;
  /** The dataset's name and trigger, which hold until others are set. */
  readonly names: OptionValues;
  readonly hasPictures: boolean;
}

interface Drafted {
  readonly id: string;
  readonly name: string;
  readonly trigger: string;
  readonly num_pictures: number;
  readonly captions_revision: number;
}

/** The draft over a dataset: the LoRA is called as the dataset, with the dataset's trigger, until that was changed. */
export function recipeOver(dataset: Drafted, own: OptionValues): RecipeAsked {
  const plain = dataset.name.replaceAll(/[<>:"/\\|?*\s.]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return {
    datasetId: dataset.id,
    revision: dataset.captions_revision + dataset.num_pictures,
    own,
    names: {
      ...(plain === "" ? {} : { output_name: plain }),
      ...(dataset.trigger === "" ? {} : { trigger: dataset.trigger }),
    },
    hasPictures: dataset.num_pictures > 0,
  };
}

/** What holds where the person set nothing. */
export function suitedTo(asked: RecipeAsked, model: BaseModel | undefined, presets: readonly Preset[]): OptionValues {
  return { ...asked.names, ...suitedValues(model, presets) };
}

/** Asks what the page will ask first: what a run comes to, and what stands against it, push nothing away then. */
export async function prefetchPlan(client: QueryClient, asked: RecipeAsked): Promise<void> {
  const gone = () => undefined; // The page says so where the base model is chosen.
  const [presets, model] = await Promise.all([
    client.fetchQuery(runQueries.presets()),
    client.fetchQuery({ ...baseModelQueries.detail(baseModelOf(asked.own)), retry: false }).catch(gone),
  ]);
  const recipe = merged(suitedTo(asked, model, presets), asked.own);
  const { is_fine: isFine } = await client.fetchQuery(runQueries.check(recipe));
  if (isFine && asked.hasPictures) await client.prefetchQuery(runQueries.plan(asked.datasetId, recipe, asked.revision));
}
