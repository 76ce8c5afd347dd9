/** The captions of one dataset (E1 to E8); the recipe's own fields stand in the panel of what the trainer sees. */
import { Stack, Title } from "@mantine/core";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { CaptionEditor } from "@/features/captions/components/caption-editor";
import { datasetQueries } from "@/features/datasets/queries";
import { useOptionTexts } from "@/features/runs/model/option-texts";
import { optionFields, runQueries } from "@/features/runs/queries";
import type { OptionValues } from "@/ui/option-form/option-fields";
import { OptionForm } from "@/ui/option-form/option-form";

import { DatasetTabs } from "../shell/dataset-tabs";
import { useTitle } from "../shell/use-title";

const SECTION = "captions.";

export function CaptionsPage() {
  const { t } = useTranslation("app");
  const { datasetId } = useParams({ from: "/datasets/$datasetId/captions" });
  const dataset = useSuspenseQuery(datasetQueries.detail(datasetId)).data;
  const schema = useQuery(runQueries.fields()).data ?? [];
  const texts = useOptionTexts(schema);
  const [changed, setChanged] = useState<OptionValues>({});
  useTitle(t("dataset.captionsOf", { name: dataset.name }));
  const recipe = { ...(dataset.trigger === "" ? {} : { trigger: dataset.trigger }), ...changed };
  const fields = optionFields(schema)
    .filter((field) => field.path.startsWith(SECTION))
    .map((field) => ({ ...field, isAdvanced: false }));
  return (
    <Stack>
      <Title order={1} size="h2">
        {dataset.name}
      </Title>
      <DatasetTabs datasetId={datasetId} />
      <CaptionEditor
        key={datasetId}
        datasetId={datasetId}
        recipe={recipe}
        captionOptions={
          <OptionForm
            fields={fields}
            values={recipe}
            problems={[]}
            texts={texts}
            onChange={setChanged}
          />
        }
      />
    </Stack>
  );
}
