/** Datasets, runs and LoRAs of one's own; where a new dataset begins (B2). */
import { Stack, Tabs, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { DatasetList } from "@/features/datasets/components/dataset-list";
import { RunList } from "@/features/runs/components/run-list";

import { useTitle } from "../shell/use-title";

export function TrainingPage() {
  const { t } = useTranslation("app");
  useTitle(t("training.title"));
  return (
    <Stack>
      <Title order={1} size="h2">
        {t("training.title")}
      </Title>
      <Tabs defaultValue="datasets" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="datasets">{t("training.datasets")}</Tabs.Tab>
          <Tabs.Tab value="runs">{t("training.runs")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="datasets" pt="md">
          <DatasetList />
        </Tabs.Panel>
        <Tabs.Panel value="runs" pt="md">
          <RunList />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
