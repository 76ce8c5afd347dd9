/** How much waits and runs in each lane, and each job: whose, of what kind, which in turn. Not what is in it. */
import { Alert, Badge, Button, Card, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { countLanes, type JobSeen, lanesWithoutWorker } from "../model/queue";
import { adminQueries } from "../queries";
import classes from "./admin.module.css";
import { CancelJob } from "./cancel-job";
import { useJobWords } from "./use-job-words";

export function QueueCard() {
  const { t, i18n } = useTranslation("admin");
  const queue = useQuery(adminQueries.queue());
  const workers = useQuery(adminQueries.workers()).data;
  const names = useQuery(adminQueries.names()).data;
  const words = useJobWords();
  const [cancelled, setCancelled] = useState<JobSeen | null>(null);
  const wordsOf = (job: JobSeen) =>
    t("queue.jobOf", { kind: words.kind(job.kind), name: names?.get(job.owner_id) ?? job.owner_id });
  const lanes = queue.data === undefined ? [] : countLanes(queue.data, workers ?? []);
  const stuck = workers === undefined ? [] : lanesWithoutWorker(lanes);
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("queue.title")}
        </Title>
        {queue.isError && <ProblemNotice error={queue.error} onRetry={() => void queue.refetch()} />}
        {queue.isPending && <Skeleton h={72} />}
        {queue.isSuccess && (
          <div className={classes.lanes}>
            {lanes.map((one) => (
              <div key={one.lane} className={classes.lane}>
                <Text size="sm">{words.lane(one.lane)}</Text>
                <p className={classes.number}>{formatNumber(one.waiting, i18n.language)}</p>
                <Text size="xs" c="dimmed">
                  {t("queue.waitingAndRunning", { running: formatNumber(one.running, i18n.language) })}
                </Text>
              </div>
            ))}
          </div>
        )}
        {stuck.length > 0 && (
          <Alert color="odo" title={t("queue.stuck")}>
            {t("queue.stuckText", { lanes: stuck.map(words.lane).join(t("queue.and")) })}
          </Alert>
        )}
        {queue.isSuccess && queue.data.jobs.length === 0 && <Text c="dimmed">{t("queue.empty")}</Text>}
        <ul className={classes.list} aria-label={t("queue.title")}>
          {(queue.data?.jobs ?? []).map((job) => (
            <li key={job.id} className={classes.row}>
              <div className={classes.main}>
                <Text size="sm" fw={600} className={classes.name}>
                  {wordsOf(job)}
                </Text>
                <Text size="xs" c="dimmed">
                  {t(job.started_at === null ? "queue.since" : "queue.started", {
                    time: formatDateTime(job.started_at ?? job.created_at, i18n.language),
                  })}
                </Text>
              </div>
              <Group gap="xs" justify="end">
                {job.deaths > 0 && (
                  <Badge variant="light" color="shu">
                    {t("queue.deaths", { count: job.deaths })}
                  </Badge>
                )}
                <Badge variant="light" color={job.state === "running" ? "rokusho" : "gray"}>
                  {job.position === null
                    ? t("queue.running")
                    : t("queue.place", { place: formatNumber(job.position, i18n.language) })}
                </Badge>
                {job.asked.includes("cancel") ? (
                  <Text size="xs" c="dimmed">
                    {t("queue.ends")}
                  </Text>
                ) : (
                  job.may_be_cancelled && (
                    <Button
                      size="compact-sm"
                      variant="default"
                      c="shu"
                      aria-label={t("queue.cancelOf", { job: wordsOf(job) })}
                      onClick={() => setCancelled(job)}
                    >
                      {t("queue.cancel")}
                    </Button>
                  )
                )}
              </Group>
            </li>
          ))}
        </ul>
      </Stack>
      {cancelled !== null && (
        <CancelJob job={cancelled} words={wordsOf(cancelled)} onClose={() => setCancelled(null)} />
      )}
    </Card>
  );
}
