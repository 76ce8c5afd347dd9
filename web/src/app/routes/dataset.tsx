/** One dataset: settings left, pictures in the middle, crop and tag below, start at the end (B3 to B8). */
import { Stack, Title } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { BaseModelPicker } from "@/features/base_models/components/base-model-picker";
import { PictureBoard } from "@/features/datasets/components/picture-board";
import { DatasetTitle } from "@/features/datasets/components/dataset-title";
import { datasetQueries } from "@/features/datasets/queries";
import { RecipePanel } from "@/features/runs/components/recipe-panel";
import { StartBar } from "@/features/runs/components/start-bar";
import { recipeOver } from "@/features/runs/first-plan";
import { changedBy } from "@/features/runs/model/draft";
import { useRecipe, useRecipeDraft } from "@/features/runs/use-recipe";
import { BelowFirst } from "@/ui/below-first";
import { lazily } from "@/ui/lazily";
import { nothingSelected, type Selection } from "@/ui/picture-grid/selection";

import { DatasetTabs } from "../shell/dataset-tabs";
import { useTitle } from "../shell/use-title";
import classes from "./dataset.module.css";

const CropAndTagPanel = lazily(
  async () => (await import("@/features/datasets/components/crop-and-tag-panel")).CropAndTagPanel,
);
const RunList = lazily(async () => (await import("@/features/runs/components/run-list")).RunList);

export function DatasetPage() {
  const { t } = useTranslation("app");
  const { datasetId } = useParams({ from: "/datasets/$datasetId" });
  return <DatasetOf key={datasetId} datasetId={datasetId} words={t("training.runs")} />;
}

function DatasetOf({ datasetId, words }: { readonly datasetId: string; readonly words: string }) {
  const { recall } = useSearch({ from: "/datasets/$datasetId" });
  const dataset = useSuspenseQuery(datasetQueries.detail(datasetId)).data;
  const [selection, setSelection] = useState<Selection>(nothingSelected);
  const { own, change } = useRecipeDraft(datasetId);
  const hasPictures = dataset.num_pictures > 0;
  const recipe = useRecipe(recipeOver(dataset, own));
  useTitle(dataset.name);
  // The same elements after each key in the recipe: React else draws what only just came, all of it, before that key.
  const pictures = useMemo(
    () => <PictureBoard datasetId={datasetId} selection={selection} onSelect={setSelection} />,
    [datasetId, selection],
  );
  const crop = useMemo(() => <CropAndTagPanel key={dataset.id} dataset={dataset} />, [dataset]);
  const runs = useMemo(() => <RunList datasetId={datasetId} />, [datasetId]);
  return (
    <Stack>
      <DatasetTitle dataset={dataset} />
      <DatasetTabs datasetId={datasetId} />
      <StartBar
        datasetId={datasetId}
        recipe={recipe}
        hasPictures={hasPictures}
        onFix={(changes) => {
          change(changedBy(own, recipe.suited, changes, recipe.fields));
          return () => change(own);
        }}
      />
      <div className={classes.layout}>
        <div className={classes.pictures}>{pictures}</div>
        <div className={classes.crop}>
          <BelowFirst height={650}>{crop}</BelowFirst>
        </div>
        <div className={classes.recipe}>
          <RecipePanel
            recipe={recipe}
            own={own}
            onChange={change}
            recall={recall}
            baseModel={
              <BaseModelPicker value={recipe.baseModel} onChange={(id) => change({ ...own, base_model: id })} />
            }
          />
        </div>
      </div>
      <Title order={2} size="h4">
        {words}
      </Title>
      <BelowFirst height={160}>{runs}</BelowFirst>
    </Stack>
  );
}
