/** What is on its way, file by file, and what was refused, with reasons that stay readable. */
import { ActionIcon, Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCheck,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnectedX,
  IconRefresh,
  IconX,
} from "@tabler/icons-react";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes, formatNumber } from "@/lib/format";
import { afterName } from "@/lib/named";

import type { UploadLine } from "./upload-line";
import classes from "./upload-panel.module.css";
import { countUploads, isSettled, type Upload } from "./upload-queue";

const MOST_WAITING = 5;

export function useUploads(line: UploadLine): readonly Upload[] {
  return useSyncExternalStore(line.subscribe, line.snapshot);
}

export function UploadPanel({ line }: { readonly line: UploadLine }) {
  const { t, i18n } = useTranslation("ui");
  const uploads = useUploads(line);
  if (uploads.length === 0) return null;
  const counts = countUploads(uploads);
  const isOver = uploads.every(isSettled);
  const isPaused = !isOver && uploads.every((one) => isSettled(one) || one.state === "paused");
  const waiting = uploads.filter((one) => one.state === "waiting");
  const rows = [
    ...uploads.filter((one) => one.state !== "waiting" && (one.state !== "done" || one.reason !== "")),
    ...waiting.slice(0, MOST_WAITING),
  ];
  return (
    <Card padding="sm">
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap">
          <Text size="sm" fw={600} role="status">
            {t("upload.counts", { done: counts.done, count: counts.total })}
          </Text>
          <Group gap={4} wrap="nowrap">
            {!isOver && (
              <Button
                size="compact-xs"
                variant="subtle"
                color="gray"
                leftSection={
                  isPaused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />
                }
                onClick={() => (isPaused ? line.resume() : line.pause())}
              >
                {t(isPaused ? "upload.resumeAll" : "upload.pauseAll")}
              </Button>
            )}
            {isOver && (
              <Button size="compact-xs" variant="subtle" color="gray" onClick={() => line.clear()}>
                {t("upload.clear")}
              </Button>
            )}
          </Group>
        </Group>
        {!isOver && <Progress value={counts.share * 100} aria-label={t("upload.progress")} />}
        {counts.cut > 0 && (
          <Group gap={6} wrap="nowrap" align="start">
            <IconPlugConnectedX size={16} stroke={1.5} aria-hidden className={classes.icon} />
            <Text size="sm">{t("upload.cut")}</Text>
          </Group>
        )}
        {isOver && counts.done === counts.total && (
          <Group gap={4}>
            <IconCheck size={16} stroke={1.5} aria-hidden />
            <Text size="sm">{t("upload.allDone")}</Text>
          </Group>
        )}
        {rows.length > 0 && (
          <ul className={classes.rows}>
            {rows.map((one) => (
              <UploadRow key={one.id} upload={one} line={line} />
            ))}
          </ul>
        )}
        {waiting.length > MOST_WAITING && (
          <Text size="xs" c="dimmed">
            {t("upload.more", {
              count: waiting.length - MOST_WAITING,
              shown: formatNumber(waiting.length - MOST_WAITING, i18n.language),
            })}
          </Text>
        )}
        {counts.failed > 0 && (
          <Button size="xs" variant="default" onClick={() => line.again()}>
            {t("upload.again", { count: counts.failed })}
          </Button>
        )}
      </Stack>
    </Card>
  );
}

const STATES: Record<string, string> = {
  waiting: "ui:upload.state.waiting",
  sending: "ui:upload.state.sending",
  paused: "ui:upload.state.paused",
  cut: "ui:upload.state.cut",
};

function UploadRow({ upload, line }: { readonly upload: Upload; readonly line: UploadLine }) {
  const { t, i18n } = useTranslation("ui");
  const { id, name, state, reason, sentBytes, sizeBytes } = upload;
  const isTroubled = state === "refused" || state === "failed";
  const isOpen = !isSettled(upload);
  const share = sizeBytes === 0 ? 0 : Math.min(1, sentBytes / sizeBytes);
  return (
    <li className={classes.row} data-state={state}>
      {isTroubled && (
        <IconAlertTriangle
          size={16}
          stroke={1.5}
          color="var(--mantine-color-shu-text)"
          aria-hidden
          className={classes.icon}
        />
      )}
      <div className={classes.words}>
        <Text size="sm" className={classes.name}>
          <strong>{name}</strong>
          {afterName(name, reason)}
        </Text>
        {isOpen && (
          <>
            <Progress size="xs" value={share * 100} aria-label={t("upload.progressOf", { name })} />
            <Text size="xs" c="dimmed" className={classes.numbers}>
              {t(STATES[state] ?? state)}
              {sentBytes > 0 &&
                ` ${formatBytes(Math.min(sentBytes, sizeBytes), i18n.language)} / ${formatBytes(sizeBytes, i18n.language)}`}
            </Text>
          </>
        )}
      </div>
      <Group gap={2} wrap="nowrap">
        {state === "failed" && (
          <Act
            label={t("upload.retryOne", { name })}
            icon={<IconRefresh size={16} stroke={1.5} />}
            onClick={() => line.again(id)}
          />
        )}
        {isOpen && state !== "paused" && (
          <Act
            label={t("upload.pauseOne", { name })}
            icon={<IconPlayerPause size={16} stroke={1.5} />}
            onClick={() => line.pause(id)}
          />
        )}
        {state === "paused" && (
          <Act
            label={t("upload.resumeOne", { name })}
            icon={<IconPlayerPlay size={16} stroke={1.5} />}
            onClick={() => line.resume(id)}
          />
        )}
        {isOpen && (
          <Act
            label={t("upload.dropOne", { name })}
            icon={<IconX size={16} stroke={1.5} />}
            onClick={() => line.drop(id)}
          />
        )}
      </Group>
    </li>
  );
}

interface ActProps {
  readonly label: string;
  readonly icon: React.ReactNode;
  readonly onClick: () => void;
}

function Act({ label, icon, onClick }: ActProps) {
  return (
    <ActionIcon size={28} aria-label={label} title={label} onClick={onClick}>
      {icon}
    </ActionIcon>
  );
}
