/** One dataset: settings left, pictures in the middle, crop and tag below, start at the end (B3 to B8). */
import { Grid, Stack, Title } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { BaseModelPicker } from "@/features/base_models/components/base-model-picker";
import { CropAndTagPanel } from "@/features/datasets/components/crop-and-tag-panel";
import { PictureBoard } from "@/features/datasets/components/picture-board";
import { datasetQueries } from "@/features/datasets/queries";
import { RecipePanel } from "@/features/runs/components/recipe-panel";
import { RunList } from "@/features/runs/components/run-list";
import type { OptionValues } from "@/ui/option-form/option-fields";
import { nothingSelected, type Selection } from "@/ui/picture-grid/selection";

import { DatasetTabs } from "../shell/dataset-tabs";
import { useTitle } from "../shell/use-title";

export function DatasetPage() {
  const { t } = useTranslation("app");
  const { datasetId } = useParams({ from: "/datasets/$datasetId" });
  const dataset = useSuspenseQuery(datasetQueries.detail(datasetId)).data;
  const [selection, setSelection] = useState<Selection>(nothingSelected);
  const [changed, setChanged] = useState<OptionValues | null>(null);
  const values = changed ?? firstValues(dataset.name, dataset.trigger);
  useTitle(dataset.name);
  return (
    <Stack>
      <Title order={1} size="h2">
        {dataset.name}
      </Title>
      <DatasetTabs datasetId={datasetId} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }} order={{ base: 1, md: 2 }}>
          <Stack>
            <PictureBoard datasetId={datasetId} selection={selection} onSelect={setSelection} />
            <CropAndTagPanel key={dataset.id} dataset={dataset} />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }} order={{ base: 2, md: 1 }}>
          <RecipePanel
            datasetId={datasetId}
            revision={dataset.captions_revision + dataset.num_pictures}
            values={values}
            onChange={setChanged}
            baseModel={
              <BaseModelPicker
                value={typeof values.base_model === "string" ? values.base_model : "starter"}
                onChange={(id) => setChanged({ ...values, base_model: id })}
              />
            }
            hasPictures={dataset.num_pictures > 0}
          />
        </Grid.Col>
      </Grid>
      <Title order={2} size="h4">
        {t("training.runs")}
      </Title>
      <RunList datasetId={datasetId} />
    </Stack>
  );
}

/** Before anything was changed: the LoRA is called as the dataset, with the dataset's trigger. */
function firstValues(name: string, trigger: string): OptionValues {
  const plain = name.replaceAll(/[<>:"/\\|?*\s.]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return { ...(plain === "" ? {} : { output_name: plain }), ...(trigger === "" ? {} : { trigger }) };
}
