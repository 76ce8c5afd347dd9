/** Datasets, runs, LoRAs and base models; where a new dataset begins (B2). The tab is part of the address. */
import { Stack, Tabs, Title } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { CreateDataset } from "@/features/datasets/components/create-dataset";
import { DatasetList } from "@/features/datasets/components/dataset-list";
import { lazily } from "@/ui/lazily";

import { useTitle } from "../shell/use-title";
import { TRAINING_TABS, type TrainingTab } from "./training-tabs";

/** What the other tabs show comes when they are opened. */
const BaseModelAdding = lazily(
  async () => (await import("@/features/base_models/components/base-model-adding")).BaseModelAdding,
);
const BaseModelBrowser = lazily(
  async () => (await import("@/features/base_models/components/base-model-browser")).BaseModelBrowser,
);
const LoraLibrary = lazily(async () => (await import("@/features/loras/components/lora-library")).LoraLibrary);
const RunList = lazily(async () => (await import("@/features/runs/components/run-list")).RunList);

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
          <Stack maw={1100}>
            <BaseModelAdding />
            <BaseModelBrowser maxHeight="70dvh" />
          </Stack>
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
