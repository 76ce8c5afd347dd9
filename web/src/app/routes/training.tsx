/** Datasets, runs and LoRAs of one's own; where a new dataset begins (B2). */
import { Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function TrainingPage() {
  const { t } = useTranslation("app");
  return <Title order={1}>{t("training.title")}</Title>;
}
