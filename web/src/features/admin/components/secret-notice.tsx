/** A password made by chance, to be handed over: shown once, never again. */
import { Alert, Button, Code, CopyButton, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function SecretNotice({ name, secret }: { readonly name: string; readonly secret: string }) {
  const { t } = useTranslation("admin");
  return (
    <Alert color="rokusho" title={t("people.passwordOf", { name })}>
      {t("people.passwordOnce")}
      <Group mt="sm" gap="sm">
        <Code fz="md" data-testid="password">
          {secret}
        </Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" onClick={copy}>
              {t(copied ? "people.copied" : "people.copy")}
            </Button>
          )}
        </CopyButton>
      </Group>
    </Alert>
  );
}
