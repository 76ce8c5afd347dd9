/** Why a run failed, and the changes to retry it with (G8). */
import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { formatSmall } from "@/lib/format";

import { useOptionTexts } from "../model/option-texts";
import type { Run } from "../queries";
import { useRetry } from "./use-retry";

export function FailureNotice({ run }: { readonly run: Run }) {
  const { t } = useTranslation("runs");
  const [retry, isRetrying] = useRetry(run);
  const failure = run.failure;
  if (failure == null) return null;
  const changes = Object.entries(failure.changes);
  return (
    <Alert color="shu" title={t("failure.title")}>
      <Stack gap="sm">
        <Text size="sm">
          {failure.message} {failure.cure}
        </Text>
        {changes.length > 1 && <RetryChanges changes={changes} />}
        <Group>
          {changes.length > 0 && (
            <Button size="xs" loading={isRetrying} onClick={() => retry(failure.changes)}>
              {changes.length > 1 ? t("failure.retryChanged") : <RetryWords changes={changes} />}
            </Button>
          )}
          <Button size="xs" variant="default" loading={isRetrying} onClick={() => retry({})}>
            {t("failure.retry")}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}

interface RetryProps {
  readonly changes: readonly [string, unknown][];
}

/** Apart, since the words of the recipe's options are loaded for it. */
function RetryWords({ changes }: RetryProps) {
  const { t } = useTranslation("runs");
  return t("failure.retryWith", { change: useChangeWords(changes).join() });
}

function RetryChanges({ changes }: RetryProps) {
  return (
    <List size="sm">
      {useChangeWords(changes).map((words) => (
        <List.Item key={words}>{words}</List.Item>
      ))}
    </List>
  );
}

function useChangeWords(changes: readonly [string, unknown][]): string[] {
  const { t, i18n } = useTranslation("runs");
  const texts = useOptionTexts();
  const word = (path: string, value: unknown) => {
    if (value === null) return t("recall.unset");
    if (typeof value === "boolean") return t(value ? "recall.on" : "recall.off");
    if (typeof value === "number" && !Number.isInteger(value)) return formatSmall(value, i18n.language);
    return texts.choice(path, String(value));
  };
  return changes.map(([path, value]) => `${texts.label(path)}: ${word(path, value)}`);
}
