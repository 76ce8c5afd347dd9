/** What is on its way and what was refused, with reasons that stay readable. */
import { Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { countUploads, type Upload } from "./upload-queue";

export interface UploadPanelProps {
  readonly uploads: readonly Upload[];
  readonly onAgain: () => void;
  readonly onClear: () => void;
}

export function UploadPanel({ uploads, onAgain, onClear }: UploadPanelProps) {
  const { t } = useTranslation("ui");
  if (uploads.length === 0) return null;
  const counts = countUploads(uploads);
  const isOver = counts.done + counts.refused + counts.failed === counts.total;
  const troubled = uploads.filter((one) => one.state === "refused" || one.state === "failed");
  return (
    <Card padding="sm">
      <Stack gap="xs">
        <Group justify="space-between">
          <Text size="sm" role="status">
            {t("upload.counts", { done: counts.done, total: counts.total })}
          </Text>
          {isOver && (
            <Button size="compact-xs" variant="subtle" onClick={onClear}>
              {t("upload.clear")}
            </Button>
          )}
        </Group>
        {!isOver && <Progress value={counts.share * 100} aria-label={t("upload.progress")} />}
        {isOver && troubled.length === 0 && (
          <Group gap={4}>
            <IconCheck size={16} stroke={1.5} aria-hidden />
            <Text size="sm">{t("upload.allDone")}</Text>
          </Group>
        )}
        {troubled.map((one) => (
          <Group key={one.id} gap={6} wrap="nowrap" align="start">
            <IconAlertTriangle
              size={16}
              stroke={1.5}
              color="var(--mantine-color-shu-text)"
              aria-hidden
              style={{ flexShrink: 0, marginTop: 3 }}
            />
            <Text size="sm">
              <strong>{one.name}</strong> {one.reason}
            </Text>
          </Group>
        ))}
        {counts.failed > 0 && (
          <Button size="xs" variant="default" onClick={onAgain}>
            {t("upload.again", { count: counts.failed })}
          </Button>
        )}
      </Stack>
    </Card>
  );
}
