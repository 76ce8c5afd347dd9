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
import { LineChart } from "@/ui/line-chart/line-chart";

import { type Run, runQueries, useRetryRun, useSteerRun } from "../queries";
import { RunProgress, StateBadge } from "./run-list";

const KINDS = [
  "Queued",
  "PositionChanged",
  "Started",
  "Cached",
  "Loaded",
  "Stepped",
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
      onConnection: setIsConnected,
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
        <StateBadge state={run.state} />
      </Group>
      {!isConnected && <Alert color="odo">{t("live.reconnecting")}</Alert>}
      <FailureNotice run={run} />
      <Card>
        <Stack>
          <RunProgress run={run} />
          <Facts run={run} language={i18n.language} />
          <Steering run={run} />
        </Stack>
      </Card>
      <Curve id={id} isEmpty={run.step === 0} />
      {results}
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
  if (rate !== undefined) facts.push([t("live.learningRate"), formatSmall(rate, language)]);
  if (run.live.steps_per_second != null)
    facts.push([
      t("live.speed"),
      t("live.stepsPerSecond", { speed: formatSmall(run.live.steps_per_second, language) }),
    ]);
  if (run.live.seconds_left != null && run.state === "training")
    facts.push([t("live.left"), formatDuration(run.live.seconds_left, language)]);
  if (run.live.memory_mib != null)
    facts.push([t("live.memory"), t("live.mib", { mib: formatNumber(run.live.memory_mib, language) })]);
  facts.push([t("list.cost"), formatNumber(run.ended_at == null ? run.quoted : run.charged, language)]);
  return (
    <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm">
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
  const button = (how: Parameters<typeof steer.mutate>[0], text: string, asked: string, color = "gray") => (
    <Button
      key={how}
      size="xs"
      variant="default"
      color={color}
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
      {isOpen && button("cancel", t("steer.cancel"), "cancel", "shu")}
      <Button
        component={Link}
        size="xs"
        variant="subtle"
        {...({ to: `/datasets/${run.dataset_id}`, search: { recall: run.id } } as object)}
        leftSection={<IconHistory size={16} stroke={1.5} aria-hidden />}
      >
        {t("recall.again")}
      </Button>
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
    </Group>
  );
}

function FailureNotice({ run }: { readonly run: Run }) {
  const { t } = useTranslation("runs");
  const retry = useRetryRun(run.id);
  const failure = run.failure;
  if (failure == null) return null;
  const canChange = failure.path !== "" && failure.value !== null;
  return (
    <Alert color="shu" title={t("failure.title")}>
      <Stack gap="sm">
        <Text size="sm">
          {failure.message} {failure.cure}
        </Text>
        <Group>
          {canChange && (
            <Button
              size="xs"
              loading={retry.isPending}
              onClick={() => retry.mutate({ [failure.path]: failure.value }, { onError: noticeFailure })}
            >
              {t("failure.retryWith", { change: `${failure.path} = ${String(failure.value)}` })}
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            loading={retry.isPending}
            onClick={() => retry.mutate({}, { onError: noticeFailure })}
          >
            {t("failure.retry")}
          </Button>
        </Group>
      </Stack>
    </Alert>
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
    <Card>
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
