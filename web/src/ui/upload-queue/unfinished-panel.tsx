/** Uploads that a reload or a closed window cut off: the file chosen again goes on where it was. */
import { Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { formatBytes } from "@/lib/format";

export interface UnfinishedUpload {
  readonly id: string;
  readonly name: string;
  readonly size_bytes: number;
  readonly offset: number;
  readonly is_finished: boolean;
}

export interface UnfinishedPanelProps {
  readonly uploads: readonly UnfinishedUpload[];
  /** The one that is being taken just now. */
  readonly takenId: string | null;
  readonly onTake: (id: string) => void;
  readonly onForget: (id: string) => void;
}

export function UnfinishedPanel({ uploads, takenId, onTake, onForget }: UnfinishedPanelProps) {
  const { t, i18n } = useTranslation("ui");
  if (uploads.length === 0) return null;
  return (
    <Card padding="sm">
      <Stack gap="xs">
        <Text size="sm" fw={600}>
          {t("upload.unfinished.title")}
        </Text>
        <Text size="sm">{t("upload.unfinished.text")}</Text>
        {uploads.map((one) => (
          <Group key={one.id} justify="space-between" wrap="nowrap">
            <Stack gap={2} style={{ flex: 1, minWidth: 0 }}>
              <Text size="sm" truncate>
                {one.name}
              </Text>
              <Progress
                size="xs"
                value={(one.offset / one.size_bytes) * 100}
                aria-label={t("upload.progressOf", { name: one.name })}
              />
              <Text size="xs" c="dimmed">
                {`${formatBytes(one.offset, i18n.language)} / ${formatBytes(one.size_bytes, i18n.language)}`}
              </Text>
            </Stack>
            {one.is_finished && (
              <Button size="compact-sm" variant="light" loading={takenId === one.id} onClick={() => onTake(one.id)}>
                {t("upload.unfinished.take")}
              </Button>
            )}
            <Button size="compact-sm" variant="subtle" color="gray" onClick={() => onForget(one.id)}>
              {t("upload.unfinished.forget")}
            </Button>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}
