/** Language and colours of this browser; the header has both too. */
import { Card, SegmentedControl, Stack, Text, Title, useMantineColorScheme } from "@mantine/core";
import { useId } from "react";
import { useTranslation } from "react-i18next";

import { LANGUAGES } from "../i18n";
import { useLanguage } from "./use-language";

const SCHEMES = [
  { value: "auto", text: "app:theme.auto" },
  { value: "light", text: "app:theme.light" },
  { value: "dark", text: "app:theme.dark" },
] as const;

export function LooksCard() {
  const { t } = useTranslation("app");
  const { language, choose } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [languageId, schemeId] = [useId(), useId()];
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("looks.title")}
        </Title>
        <div>
          <Text id={languageId} size="sm" mb={4}>
            {t("nav.language")}
          </Text>
          <SegmentedControl
            aria-labelledby={languageId}
            value={language}
            onChange={(value) => choose(LANGUAGES.find((one) => one === value) ?? "en")}
            data={LANGUAGES.map((one) => ({ value: one, label: t(one === "ja" ? "language.ja" : "language.en") }))}
          />
        </div>
        <div>
          <Text id={schemeId} size="sm" mb={4}>
            {t("looks.scheme")}
          </Text>
          <SegmentedControl
            aria-labelledby={schemeId}
            value={colorScheme}
            onChange={(value) => setColorScheme(SCHEMES.find((one) => one.value === value)?.value ?? "auto")}
            data={SCHEMES.map(({ value, text }) => ({ value, label: t(text) }))}
          />
        </div>
      </Stack>
    </Card>
  );
}
