/** What stands against a run, what is worth knowing, and the ways to make it fit (A5, F2). */
import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";
import { lazily } from "@/ui/lazily";

import { useOptionTexts } from "../model/option-texts";
import type { PlannedRun } from "../queries";
import type { Recipe } from "../use-recipe";

const MemoryFit = lazily(async () => (await import("./memory-fit")).MemoryFit);

export interface PlanNoticesProps {
  readonly plan: PlannedRun;
  readonly schema: Recipe["schema"];
  readonly onFix: (changes: Record<string, unknown>) => void;
}

export function PlanNotices({ plan, schema, onFix }: PlanNoticesProps) {
  const { t, i18n } = useTranslation("runs");
  const texts = useOptionTexts(schema);
  return (
    <>
      {!plan.can_train && <Alert color="shu">{plan.why_not}</Alert>}
      {plan.over_limits.map((problem) => (
        <Alert key={problem.path} color="odo">
          {problem.message} {problem.cure}
        </Alert>
      ))}
      {!plan.is_affordable && (
        <Alert color="odo" title={t("fit.title")}>
          <Stack gap="xs" maw={480}>
            {plan.proposals.map((one, at) => (
              <Group key={at} justify="space-between">
                <Text size="sm">
                  {one.left_out.length > 0
                    ? t("fit.leaveOut", { count: one.left_out.length })
                    : Object.entries(one.changes)
                        .map(([path, value]) => `${texts.label(path)} → ${String(value)}`)
                        .join(", ")}
                  {` (${formatNumber(one.stamina, i18n.language)})`}
                </Text>
                {Object.keys(one.changes).length > 0 && (
                  <Button size="compact-sm" variant="light" onClick={() => onFix(one.changes)}>
                    {t("fit.make")}
                  </Button>
                )}
              </Group>
            ))}
          </Stack>
        </Alert>
      )}
      {plan.memory?.fits === false && <MemoryFit plan={plan} onFix={onFix} />}
      {plan.notes.map((note) => (
        <Text key={`${note.kind}${note.path}`} size="sm" c="dimmed">
          {note.message} {note.cure}
        </Text>
      ))}
    </>
  );
}
