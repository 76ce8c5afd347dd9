/** What the run comes to as one types, and the start, always in sight (F2, A4, A5). */
import { Badge, Button, Card, Stack, Text } from "@mantine/core";
import { IconBolt, IconChevronDown, IconPlayerPlay } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDuration, formatMemory, formatNumber } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { gravestOf } from "../model/plan-notices";
import { type PlannedRun, useStartRun } from "../queries";
import type { Recipe } from "../use-recipe";
import { PlanNotices } from "./plan-notices";
import classes from "./start-bar.module.css";

export interface StartBarProps {
  readonly datasetId: string;
  readonly recipe: Recipe;
  readonly hasPictures: boolean;
  /** Changes the draft; what comes back undoes it. */
  readonly onFix: (changes: Record<string, unknown>) => () => void;
}

export function StartBar({ datasetId, recipe, hasPictures, onFix }: StartBarProps) {
  const { t, i18n } = useTranslation("runs");
  const start = useStartRun();
  const navigate = useNavigate();
  const plan = recipe.plan.data;
  const gravest = plan !== undefined && hasPictures ? gravestOf(plan) : undefined;
  // What was known before the page was drawn is open at once. What comes later would push the pictures, or the field
  // one types in, away: a button says that it is there. Memory's code comes later too.
  const [isOpen, setIsOpen] = useState(gravest === "blocked" || gravest === "notes");
  if (isOpen && plan !== undefined && gravest === undefined) setIsOpen(false);
  const handleFix = (changes: Record<string, unknown>) => noticeDone(t("fit.done"), onFix(changes));
  const handleStart = () =>
    start.mutate(
      { dataset_id: datasetId, recipe: { ...recipe.values }, name: "" },
      { onSuccess: (run) => void navigate({ to: `/runs/${run.id}` as never }), onError: noticeFailure },
    );
  // The line of what it comes to has its room before it is there: pictures would be pushed away under a finger.
  const keepsRoom = hasPictures && recipe.problems.length === 0 && !recipe.plan.isError;
  const canStart = recipe.isFine && hasPictures && plan !== undefined && gravest !== "blocked";
  return (
    <Stack gap="sm">
      <Card padding="sm" className={classes.bar}>
        <div className={classes.inner}>
          <div className={classes.words} data-room={keepsRoom || undefined} aria-live="polite">
            {!hasPictures && <Text size="sm">{t("plan.noPictures")}</Text>}
            {hasPictures && !recipe.isFine && recipe.problems.length > 0 && (
              <Text size="sm" c="shu">
                {t("plan.problems", { count: recipe.problems.length })}
              </Text>
            )}
            {hasPictures && recipe.isFine && plan !== undefined && <Line plan={plan} />}
            {plan !== undefined && gravest !== undefined && (
              <Button
                size="compact-sm"
                variant="light"
                color={{ blocked: "shu", memory: "odo", notes: "gray" }[gravest]}
                rightSection={<IconChevronDown size={14} aria-hidden className={classes.chevron} />}
                aria-expanded={isOpen}
                aria-controls="plan-notices"
                onClick={() => setIsOpen(!isOpen)}
              >
                {t(`notices.${gravest}`, { count: plan.notes.length })}
              </Button>
            )}
          </div>
          <Button
            size="md"
            className={classes.start}
            leftSection={<IconPlayerPlay size={20} stroke={1.5} aria-hidden />}
            loading={start.isPending}
            disabled={!canStart || !recipe.isCurrent}
            onClick={handleStart}
          >
            {plan?.is_metered === true && hasPictures
              ? t("start.costs", { stamina: formatNumber(plan.quote.stamina, i18n.language) })
              : t("start.start")}
          </Button>
        </div>
        <div id="plan-notices">
          {plan !== undefined && gravest !== undefined && isOpen && (
            <Stack gap="sm" className={classes.notices}>
              <PlanNotices plan={plan} schema={recipe.schema} onFix={handleFix} />
            </Stack>
          )}
        </div>
      </Card>
      {recipe.plan.isError && <ProblemNotice error={recipe.plan.error} />}
    </Stack>
  );
}

function Line({ plan }: { readonly plan: PlannedRun }) {
  const { t, i18n } = useTranslation("runs");
  const number = (value: number) => formatNumber(value, i18n.language);
  const { seen_fewest: fewest, seen_most: most, files } = plan.plan;
  const epochs = files.map((file) => file.epoch);
  const listed = epochs.length > 12 ? [...epochs.slice(0, 4), "…", epochs.at(-1)] : epochs;
  return (
    <>
      <Text size="sm" component="span">
        {t("plan.seen", { count: most, seen: fewest === most ? number(most) : `${number(fewest)}–${number(most)}` })}
      </Text>
      <Text size="sm" component="span" fw={600}>
        {t("plan.steps", {
          count: plan.plan.num_steps,
          steps: number(plan.plan.num_steps),
          inEpochs: t("plan.inEpochs", {
            count: plan.plan.num_epochs,
            epochs: number(plan.plan.num_epochs),
            perEpoch: number(plan.plan.steps_per_epoch),
          }),
        })}
      </Text>
      <Text size="sm" component="span">
        {t("plan.files", { count: files.length, epochs: listed.join(", ") })}
      </Text>
      {plan.expected_seconds != null && (
        <Text size="sm" component="span">
          {t("plan.takes", { time: formatDuration(plan.expected_seconds, i18n.language) })}
        </Text>
      )}
      {plan.memory != null && (
        <Text size="sm" component="span">
          {t(`plan.${memoryWords(plan.memory)}`, {
            size: formatMemory(plan.memory.total, i18n.language),
            capacity: formatMemory(plan.memory.capacity ?? 0, i18n.language),
          })}
        </Text>
      )}
      {plan.runs_ahead > 0 && (
        <Text size="sm" component="span">
          {t("plan.ahead", { count: plan.runs_ahead })}
        </Text>
      )}
      {plan.is_metered && (
        <Badge
          size="lg"
          variant="light"
          tt="none"
          color={plan.is_affordable ? "gunjo" : "shu"}
          leftSection={<IconBolt size={14} aria-hidden />}
        >
          {t("plan.quote", { stamina: number(plan.quote.stamina), balance: number(plan.balance) })}
        </Badge>
      )}
    </>
  );
}

function memoryWords(memory: NonNullable<PlannedRun["memory"]>) {
  if (!memory.on_graphics_card) return "mainMemory";
  return memory.capacity == null ? "graphicsMemory" : "graphicsMemoryOf";
}
