/** An empty dataset: the ways in, those of other trainers among them (D1). */
import { List } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function HowToBring() {
  const { t } = useTranslation("datasets");
  return (
    <List size="sm" spacing={4} c="dimmed">
      <List.Item>{t("bring.pictures")}</List.Item>
      <List.Item>{t("bring.captions")}</List.Item>
      <List.Item>{t("bring.kohya")}</List.Item>
      <List.Item>{t("bring.zip")}</List.Item>
      <List.Item>{t("bring.roles")}</List.Item>
    </List>
  );
}
