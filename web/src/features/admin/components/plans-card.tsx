/** The stamina plans as plans.toml has them; they are read when the server starts. */
import { Card, Code, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { staminaQueries } from "@/features/stamina/public";
import { formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import classes from "./admin.module.css";

export function PlansCard() {
  const { t, i18n } = useTranslation("admin");
  const plans = useQuery(staminaQueries.plans());
  const list = plans.data ?? [];
  const isMetered = useQuery(staminaQueries.balance()).data?.is_metered ?? true;
  const number = (value: number | null) => (value === null ? t("plans.noLimit") : formatNumber(value, i18n.language));
  const factsOf = (plan: (typeof list)[number]): (readonly [string, string])[] => [
    [t("plans.perDay"), number(plan.stamina_per_day)],
    [
      t("plans.trial"),
      plan.trial_days === 0
        ? t("plans.noTrial")
        : t("plans.trialDays", { count: plan.trial_days, stamina: number(plan.trial_stamina) }),
    ],
    [t("plans.priority"), number(plan.queue_priority)],
    [t("plans.mostPictures"), number(plan.limits.most_pictures)],
    [t("plans.mostSteps"), number(plan.limits.most_steps)],
    [t("plans.mostRuns"), number(plan.limits.most_waiting_runs)],
  ];
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("plans.title")}
        </Title>
        <Text size="sm" c="dimmed">
          {t(isMetered ? "plans.text" : "plans.notMetered")} <Code>{"plans.toml"}</Code>
        </Text>
        {plans.isError && <ProblemNotice error={plans.error} onRetry={() => void plans.refetch()} />}
        <ul className={classes.list} aria-label={t("plans.title")}>
          {list.map((plan) => (
            <li key={plan.name} className={classes.plan}>
              <Text fw={600}>{plan.name}</Text>
              <dl className={classes.facts}>
                {factsOf(plan).map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ))}
              </dl>
            </li>
          ))}
        </ul>
      </Stack>
    </Card>
  );
}
