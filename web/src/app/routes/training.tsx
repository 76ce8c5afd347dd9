/** Datasets, runs, LoRAs and base models; where a new dataset begins (B2). The tab is part of the address. */
import { Stack, Tabs, Title } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { BaseModelAdding } from "@/features/base_models/components/base-model-adding";
import { BaseModelBrowser } from "@/features/base_models/components/base-model-browser";
import { CreateDataset } from "@/features/datasets/components/create-dataset";
import { DatasetList } from "@/features/datasets/components/dataset-list";
import { LoraLibrary } from "@/features/loras/components/lora-library";
import { RunList } from "@/features/runs/components/run-list";

import { useTitle } from "../shell/use-title";
import { TRAINING_TABS, type TrainingTab } from "./training-tabs";

export function TrainingPage() {
  const { t } = useTranslation("app");
  const { tab = "datasets" } = useSearch({ from: "/" });
  const navigate = useNavigate();
  useTitle(t("training.title"));
  const handleTab = (chosen: string | null) => {
    const next = TRAINING_TABS.find((one) => one === chosen);
    void navigate({ to: "/", search: next === undefined || next === "datasets" ? {} : { tab: next } });
  };
  return (
    <Stack>
      <Title order={1} size="h2">
        {t("training.title")}
      </Title>
      <CreateDataset />
      <Tabs value={tab satisfies TrainingTab} onChange={handleTab} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="datasets">{t("training.datasets")}</Tabs.Tab>
          <Tabs.Tab value="runs">{t("training.runs")}</Tabs.Tab>
          <Tabs.Tab value="loras">{t("training.loras")}</Tabs.Tab>
          <Tabs.Tab value="base_models">{t("training.baseModels")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="datasets" pt="md">
          <DatasetList />
        </Tabs.Panel>
        <Tabs.Panel value="runs" pt="md">
          <RunList />
        </Tabs.Panel>
        <Tabs.Panel value="loras" pt="md">
          <LoraLibrary />
        </Tabs.Panel>
        <Tabs.Panel value="base_models" pt="md">
          <Stack>
            <BaseModelAdding />
            <BaseModelBrowser maxHeight="70dvh" />
          </Stack>
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
