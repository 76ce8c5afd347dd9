/** What was changed, newest first, across sessions; back to any point (E2). */
import { Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { captionQueries, type HistoryEntry } from "../queries";
import classes from "./captions.module.css";

export interface HistoryPanelProps {
  readonly datasetId: string;
  readonly onStep: (isRedo: boolean) => Promise<unknown>;
}

export function HistoryPanel({ datasetId, onStep }: HistoryPanelProps) {
  const { t, i18n } = useTranslation("captions");
  const answer = useQuery(captionQueries.history(datasetId));
  const [isBusy, setIsBusy] = useState(false);
  const entries = answer.data ?? [];
  /** Undo all that came after this one, or redo up to it. */
  const goTo = async (entry: HistoryEntry) => {
    setIsBusy(true);
    const others = entry.is_undone
      ? entries.filter((one) => one.is_undone && one.number <= entry.number)
      : entries.filter((one) => !one.is_undone && one.number > entry.number);
    for (let left = others.length; left > 0; left -= 1) {
      if ((await onStep(entry.is_undone)) === undefined) break;
    }
    setIsBusy(false);
  };
  const newest = entries.find((one) => !one.is_undone);
  if (answer.isError) return <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />;
  if (answer.data === undefined) return <Loader size="sm" aria-label={t("preview.trying")} />;
  return (
    <Stack gap={0}>
      <Text size="sm" mb="sm">
        {t("history.text")}
      </Text>
      {entries.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("history.none")}
        </Text>
      )}
      {entries.map((entry) => (
        <Group key={entry.number} className={classes.entry} justify="space-between" wrap="nowrap" align="flex-start">
          <div className={classes.entryText} data-undone={entry.is_undone}>
            <Text size="sm" td="inherit">
              {entry.words}
            </Text>
            <Text size="xs" c="dimmed" td="inherit">
              {t("history.line", { count: entry.num_pictures, time: formatDateTime(entry.made_at, i18n.language) })}
            </Text>
          </div>
          {entry !== newest && (
            <Button
              size="compact-xs"
              variant="default"
              style={{ flex: "none" }}
              disabled={isBusy}
              onClick={() => void goTo(entry)}
            >
              {entry.is_undone ? t("history.redo") : t("history.back")}
            </Button>
          )}
        </Group>
      ))}
    </Stack>
  );
}
