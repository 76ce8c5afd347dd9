/** Processes that take jobs: who is alive, on which device, and what each does just now. */
import { Badge, Card, Code, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconServerOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatMemory } from "@/lib/format";
import { EmptyState } from "@/ui/feedback/empty-state";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { jobsOf, sortWorkers } from "../model/queue";
import { adminQueries } from "../queries";
import classes from "./admin.module.css";
import { useJobWords } from "./use-job-words";

export function WorkersCard() {
  const { t, i18n } = useTranslation("admin");
  const workers = useQuery(adminQueries.workers());
  const jobs = useQuery(adminQueries.queue()).data?.jobs ?? [];
  const words = useJobWords();
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("workers.title")}
        </Title>
        {workers.isError && <ProblemNotice error={workers.error} onRetry={() => void workers.refetch()} />}
        {workers.isPending && <Skeleton h={60} />}
        {workers.isSuccess && workers.data.length === 0 && (
          <EmptyState
            icon={<IconServerOff size={32} stroke={1.5} aria-hidden />}
            title={t("workers.none")}
            text={t("workers.noneText")}
            action={<Code>{"enogu worker"}</Code>}
          />
        )}
        <ul className={classes.list} aria-label={t("workers.title")}>
          {sortWorkers(workers.data ?? []).map((one) => {
            const doing = jobsOf(one.id, jobs).map((job) => words.kind(job.kind));
            return (
              <li key={one.id} className={classes.row}>
                <span className={classes.dot} data-is-gone={one.is_alive ? undefined : true} aria-hidden />
                <div className={classes.main}>
                  <Text size="sm" fw={600} className={classes.name}>
                    {one.id}
                  </Text>
                  {one.memory_bytes != null && (
                    <Text size="xs" c="dimmed">
                      {t("workers.device", {
                        name: one.device_name || one.device,
                        memory: formatMemory(one.memory_bytes, i18n.language),
                      })}
                    </Text>
                  )}
                  <Text size="xs" c="dimmed">
                    {one.is_alive
                      ? t("workers.takes", { lanes: one.lanes.map(words.lane).join(t("queue.and")) })
                      : t(one.stopped_at === null ? "workers.lost" : "workers.stopped", {
                          time: formatDateTime(one.stopped_at ?? one.beat_at, i18n.language),
                        })}
                  </Text>
                </div>
                {one.is_alive && (
                  <Group gap="xs" justify="end">
                    {doing.length === 0 && (
                      <Badge variant="light" color="gray">
                        {t("workers.idle")}
                      </Badge>
                    )}
                    {doing.map((kind) => (
                      <Badge key={kind} variant="light" color="rokusho">
                        {kind}
                      </Badge>
                    ))}
                  </Group>
                )}
              </li>
            );
          })}
        </ul>
      </Stack>
    </Card>
  );
}
