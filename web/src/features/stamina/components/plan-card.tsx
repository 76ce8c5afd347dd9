/** The plan one is on, what it gives, and plans to try. */
import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatNumber } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";

import { staminaQueries, useTrial } from "../queries";

export function PlanCard() {
  const { t, i18n } = useTranslation("stamina");
  const balance = useQuery(staminaQueries.balance()).data;
  const plans = useQuery(staminaQueries.plans()).data ?? [];
  const trial = useTrial();
  if (balance === undefined) return null;
  if (!balance.is_metered) {
    return (
      <Card>
        <Title order={2} size="h4">
          {t("plan.title")}
        </Title>
        <Text>{t("plan.free")}</Text>
      </Card>
    );
  }
  const number = (value: number) => formatNumber(value, i18n.language);
  return (
    <Card>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("plan.title")}
        </Title>
        <Text size="xl" fw={600}>
          {t("balance", { stamina: number(balance.stamina) })}
        </Text>
        <Text size="sm">{t("plan.perDay", { plan: balance.plan, stamina: number(balance.stamina_per_day) })}</Text>
        <Text size="sm" c="dimmed">
          {t("plan.next", { time: formatDateTime(balance.next_day_at, i18n.language) })}
        </Text>
        {plans
          .filter((plan) => balance.can_try.includes(plan.name))
          .map((plan) => (
            <Group key={plan.name} justify="space-between">
              <Text size="sm">
                {t("plan.trial", { plan: plan.name, count: plan.trial_days, stamina: number(plan.trial_stamina) })}
              </Text>
              <Button
                size="xs"
                variant="default"
                loading={trial.isPending}
                onClick={() => trial.mutate(plan.name, { onError: noticeFailure })}
              >
                {t("plan.try")}
              </Button>
            </Group>
          ))}
      </Stack>
    </Card>
  );
}
