/** The library of LoRAs (I1). */
import { Stack, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { LoraLibrary } from "@/features/loras/components/lora-library";

import { useTitle } from "../shell/use-title";

export function LorasPage() {
  const { t } = useTranslation("loras");
  useTitle(t("title"));
  return (
    <Stack>
      <Title order={1} size="h2">
        {t("title")}
      </Title>
      <LoraLibrary />
    </Stack>
  );
}
