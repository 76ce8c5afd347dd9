/** The captions of one dataset (E1 to E8); the recipe's own fields stand in the panel of what the trainer sees. */
import { Stack } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { CaptionEditor } from "@/features/captions/components/caption-editor";
import { DatasetTitle } from "@/features/datasets/components/dataset-title";
import { datasetQueries } from "@/features/datasets/queries";
import { lazily } from "@/ui/lazily";
import type { OptionValues } from "@/ui/option-form/option-fields";

import { DatasetTabs } from "../shell/dataset-tabs";
import { useTitle } from "../shell/use-title";

const CaptionOptions = lazily(async () => (await import("./caption-options")).CaptionOptions);

export function CaptionsPage() {
  const { t } = useTranslation("app");
  const { datasetId } = useParams({ from: "/datasets/$datasetId/captions" });
  const dataset = useSuspenseQuery(datasetQueries.detail(datasetId)).data;
  const [changed, setChanged] = useState<OptionValues>({});
  useTitle(t("dataset.captionsOf", { name: dataset.name }));
  const recipe = { ...(dataset.trigger === "" ? {} : { trigger: dataset.trigger }), ...changed };
  return (
    <Stack>
      <DatasetTitle dataset={dataset} />
      <DatasetTabs datasetId={datasetId} />
      <CaptionEditor
        key={datasetId}
        datasetId={datasetId}
        recipe={recipe}
        captionOptions={<CaptionOptions values={recipe} onChange={setChanged} />}
      />
    </Stack>
  );
}
