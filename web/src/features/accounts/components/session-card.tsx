/** Browsers that are signed in; each can be signed out from here. */
import { Badge, Button, Card, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { deviceOf } from "../model/device";
import { accountQueries, useCloseSession } from "../queries";

export function SessionCard() {
  const { t, i18n } = useTranslation("accounts");
  const sessions = useQuery(accountQueries.sessions());
  const close = useCloseSession();
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("sessions.title")}
        </Title>
        {sessions.isError && <ProblemNotice error={sessions.error} onRetry={() => void sessions.refetch()} />}
        {sessions.isPending && <Skeleton h={40} />}
        {(sessions.data ?? []).map((one) => {
          const device = deviceOf(one.described);
          const name = device === null ? t("sessions.unknown") : t("sessions.device", { ...device });
          return (
            <Group key={one.id} justify="space-between" wrap="nowrap">
              <div>
                <Group gap="xs">
                  <Text size="sm" fw={600}>
                    {name}
                  </Text>
                  {one.is_this_one && <Badge variant="light">{t("sessions.here")}</Badge>}
                </Group>
                <Text size="xs" c="dimmed">
                  {t("sessions.seen", { time: formatDateTime(one.seen_at, i18n.language) })}
                </Text>
              </div>
              {!one.is_this_one && (
                <Button
                  size="xs"
                  variant="default"
                  aria-label={t("sessions.closeThis", { name })}
                  loading={close.isPending && close.variables === one.id}
                  onClick={() => close.mutate(one.id, { onError: noticeFailure })}
                >
                  {t("sessions.close")}
                </Button>
              )}
            </Group>
          );
        })}
      </Stack>
    </Card>
  );
}
