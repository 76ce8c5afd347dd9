/** In a studio on one's own machine: there is one person, and how to let others in. */
import { Card, Code, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function OpenToOthers() {
  const { t } = useTranslation("admin");
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("people.title")}
        </Title>
        <Text>{t("alone.text")}</Text>
        <Text size="sm" c="dimmed">
          {t("alone.how")}
        </Text>
        <Code block>{"enogu serve --sign-in password --host 0.0.0.0"}</Code>
      </Stack>
    </Card>
  );
}
