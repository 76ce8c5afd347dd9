/** One run, live: where it stands, its curve, previews as they come, and what one may do with it (G1 to G8, B9, H1 to H3). */
import { Alert, Button, Card, Group, SimpleGrid, Slider, Stack, Text, Title } from "@mantine/core";
import { IconDownload, IconHistory } from "@tabler/icons-react";
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { follow } from "@/api/live";
import { formatDuration, formatNumber, formatSmall, formatTime } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";
import { lazily } from "@/ui/lazily";

import { type Run, runQueries, useSteerRun } from "../queries";
import { isByAdministrator, RunProgress, StateBadge } from "./run-list";
import classes from "./run-view.module.css";
import { useRetry } from "./use-retry";

const FailureNotice = lazily(async () => (await import("./failure-notice")).FailureNotice);
/** Below the first screen, and heavy; it has its room before it comes. */
const LineChart = lazily(
  async () => (await import("@/ui/line-chart/line-chart")).LineChart,
  <div className={classes.chart} />,
);
const CancelDialog = lazily(async () => (await import("./cancel-dialog")).CancelDialog);
const KINDS = [
  "Queued",
  "PositionChanged",
  "Started",
  "Cached",
  "Loaded",
  "Stepped",
  "SparedMemory",
  "WentBack",
  "Saved",
  "Sampled",
  "SampleFailed",
  "Checkpointed",
  "Stopped",
  "Finished",
  "Failed",
  "StateChanged",
  "Cancelled",
  "Paused",
  "Resumed",
  "Parked",
  "TakenOver",
];
const REFRESH_MS = 1000;

/** Refetches what events say has changed, at most once a second; says whether the line holds. */
function useLiveRun(id: string, isOver: boolean): boolean {
  const client = useQueryClient();
  const [isConnected, setIsConnected] = useState(true);
  useEffect(() => {
    if (isOver) return;
    let due: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      due ??= setTimeout(() => {
        due = undefined;
        void client.invalidateQueries({ queryKey: ["runs", id] });
      }, REFRESH_MS);
    };
    const stop = follow(`/api/runs/${id}/events`, KINDS, 0, {
      onEvent: refresh,
      onConnection: (isHolding) => {
        setIsConnected(isHolding);
        if (isHolding) refresh(); // what was asked for while the line was cut may not have come
      },
      onEnd: refresh,
    });
    return () => {
      stop();
      clearTimeout(due);
      void client.invalidateQueries({ queryKey: ["runs", id] });
    };
  }, [client, id, isOver]);
  return isConnected || isOver; // nothing is missed of a run that has ended
}

const OVER = ["finished", "failed", "cancelled", "parked"];

export function RunView({ id, results }: { readonly id: string; readonly results: ReactNode }) {
  const { t, i18n } = useTranslation("runs");
  const run = useSuspenseQuery(runQueries.detail(id)).data;
  const isConnected = useLiveRun(id, OVER.includes(run.state));
  return (
    <Stack>
      <Group justify="space-between">
        <div>
          <Title order={1} size="h2">
            {run.name}
          </Title>
          <Text size="sm" c="dimmed">
            {run.dataset_name} · {run.base_model_name} · {t("list.pictures", { count: run.num_pictures })}
          </Text>
        </div>
        <StateBadge run={run} />
      </Group>
      {!isConnected && <Alert color="odo">{t("live.reconnecting")}</Alert>}
      {run.live.spared_memory_at != null && (
        <Alert color="odo">
          {t("live.sparedMemory", { step: formatNumber(run.live.spared_memory_at + 1, i18n.language) })}
        </Alert>
      )}
      {run.live.went_back_to != null && (
        <Alert color="odo">
          {run.live.went_back_to > 0
            ? t("live.wentBack", { step: formatNumber(run.live.went_back_to, i18n.language) })
            : t("live.beganAgain")}
        </Alert>
      )}
      {run.failure != null && !isByAdministrator(run) && <FailureNotice run={run} />}
      {run.failure != null && isByAdministrator(run) && (
        <Alert color="odo">
          {run.failure.message} {run.failure.cure}
        </Alert>
      )}
      <Card>
        <Stack>
          <RunProgress run={run} />
          <Facts run={run} language={i18n.language} />
          <Steering run={run} />
        </Stack>
      </Card>
      {/* Who comes back to a run that is over comes for its pictures. */}
      <div className={classes.body}>
        {run.state === "finished" && results}
        <Curve id={id} isEmpty={run.step === 0} />
        {run.state !== "finished" && results}
      </div>
    </Stack>
  );
}

function Facts({ run, language }: { readonly run: Run; readonly language: string }) {
  const { t } = useTranslation("runs");
  const facts: [string, string][] = [];
  if (run.runs_ahead != null) facts.push([t("live.ahead"), formatNumber(run.runs_ahead, language)]);
  if (run.state === "queued" && run.expected_start_at != null)
    facts.push([t("live.starts"), formatTime(run.expected_start_at, language)]);
  if (run.live.average_loss != null) facts.push([t("live.loss"), formatSmall(run.live.average_loss, language)]);
  const rate = Object.values(run.live.learning_rates)[0];
  if (rate !== undefined && run.ended_at == null) facts.push([t("live.learningRate"), formatSmall(rate, language)]);
  if (run.live.steps_per_second != null)
    facts.push([
      t("live.speed"),
      run.live.steps_per_second < 1 && run.live.steps_per_second > 0
        ? t("live.secondsPerStep", { seconds: formatNumber(1 / run.live.steps_per_second, language, 1) })
        : t("live.stepsPerSecond", { speed: formatNumber(run.live.steps_per_second, language, 1) }),
    ]);
  if (run.started_at != null && run.ended_at != null)
    facts.push([
      t("live.took"),
      formatDuration((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000, language),
    ]);
  if (run.live.seconds_left != null && run.state === "training")
    facts.push([t("live.left"), formatDuration(run.live.seconds_left, language)]);
  if (run.live.memory_mib != null)
    facts.push([t("live.memory"), t("live.mib", { mib: formatNumber(run.live.memory_mib, language) })]);
  facts.push([t("list.cost"), formatNumber(run.ended_at == null ? run.quoted : run.charged, language)]);
  return (
    <SimpleGrid type="container" cols={{ base: 2, "480px": 4, "900px": 6 }} spacing="sm" maw={1280}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <Text size="xs" c="dimmed">
            {name}
          </Text>
          <Text fw={600} style={{ fontVariantNumeric: "tabular-nums" }}>
            {value}
          </Text>
        </div>
      ))}
    </SimpleGrid>
  );
}

function Steering({ run }: { readonly run: Run }) {
  const { t } = useTranslation("runs");
  const steer = useSteerRun(run.id);
  const [retry, isRetrying] = useRetry(run);
  const [isAsking, setIsAsking] = useState(false);
  const button = (how: Parameters<typeof steer.mutate>[0], text: string, asked: string) => (
    <Button
      key={how}
      size="xs"
      variant="default"
      loading={steer.isPending && steer.variables === how}
      disabled={run.asked.includes(asked)}
      onClick={() => steer.mutate(how, { onError: noticeFailure })}
    >
      {text}
    </Button>
  );
  const isOpen = !OVER.includes(run.state);
  return (
    <Group gap="xs">
      {run.state === "training" && button("save-now", t("steer.save"), "save")}
      {run.state === "training" && button("sample-now", t("steer.sample"), "sample")}
      {["queued", "starting", "training"].includes(run.state) && button("pause", t("steer.pause"), "pause")}
      {run.state === "paused" && button("resume", t("steer.resume"), "resume")}
      {isOpen && (
        <Button
          size="xs"
          variant="default"
          c="shu"
          disabled={run.asked.includes("cancel")}
          onClick={() => setIsAsking(true)}
        >
          {t("steer.cancel")}
        </Button>
      )}
      {["cancelled", "parked"].includes(run.state) && (run.failure == null || isByAdministrator(run)) && (
        <Button size="xs" variant="default" loading={isRetrying} onClick={() => retry({})}>
          {t("steer.goOn")}
        </Button>
      )}
      <Button
        component={Link}
        size="xs"
        variant="subtle"
        {...({ to: `/datasets/${run.dataset_id}`, search: { recall: run.id } } as object)}
        leftSection={<IconHistory size={16} stroke={1.5} aria-hidden />}
      >
        {t("recall.again")}
      </Button>
      {run.step > 0 && (
        <Button
          component="a"
          size="xs"
          variant="subtle"
          href={`/api/runs/${run.id}/files.zip`}
          download
          leftSection={<IconDownload size={16} stroke={1.5} aria-hidden />}
        >
          {t("steer.downloadAll")}
        </Button>
      )}
      {isAsking && (
        <CancelDialog
          onClose={() => setIsAsking(false)}
          onCancel={() => {
            setIsAsking(false);
            steer.mutate("cancel", { onError: noticeFailure });
          }}
        />
      )}
    </Group>
  );
}

function Curve({ id, isEmpty }: { readonly id: string; readonly isEmpty: boolean }) {
  const { t, i18n } = useTranslation("runs");
  const ui = useTranslation("ui").t;
  const losses = useQuery(runQueries.losses(id)).data;
  const [smoothing, setSmoothing] = useState(0.9);
  const format = useCallback((value: number) => formatSmall(value, i18n.language), [i18n.language]);
  if (isEmpty || losses === undefined || losses.steps.length === 0) return null;
  return (
    <Card className={classes.curve}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {t("live.loss")}
          </Title>
          <Group gap="xs">
            <Text size="xs" c="dimmed" aria-hidden>
              {ui("chart.smoothing")}
            </Text>
            <Slider
              w={120}
              min={0}
              max={0.99}
              step={0.01}
              value={smoothing}
              onChange={setSmoothing}
              label={null}
              thumbLabel={ui("chart.smoothing")}
            />
          </Group>
        </Group>
        <LineChart
          steps={losses.steps}
          values={losses.losses}
          smoothing={smoothing}
          label={t("live.loss")}
          format={format}
        />
      </Stack>
    </Card>
  );
}
