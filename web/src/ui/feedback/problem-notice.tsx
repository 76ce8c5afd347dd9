/** What went wrong and what to do about it, where it happened. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { problemOf } from "@/api/problem";

export interface ProblemNoticeProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

export function ProblemNotice({ error, onRetry }: ProblemNoticeProps) {
  const { t } = useTranslation("ui");
  const problem = problemOf(error);
  const title = problem.isOffline ? t("problem.offline") : t("problem.title");
  const Icon = problem.isOffline ? IconPlugConnectedX : IconAlertTriangle;
  return (
    <Alert color="shu" variant="light" title={title} icon={<Icon stroke={1.5} />} role="alert">
      <Text size="sm">{problem.isOffline ? t("problem.offlineCure") : `${problem.message} ${problem.cure}`}</Text>
      {problem.requestId !== "" && problem.status >= 500 && (
        <Text size="xs" c="dimmed">
          {problem.requestId}
        </Text>
      )}
      {onRetry !== undefined && (
        <Group mt="sm">
          <Button size="xs" variant="default" onClick={onRetry}>
            {t("problem.retry")}
          </Button>
        </Group>
      )}
    </Alert>
  );
}
