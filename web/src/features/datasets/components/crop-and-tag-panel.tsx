/** Crop and tag: the settings of both, and the one button that does them (D5 to D10). */
import {
  Alert,
  Button,
  Card,
  Group,
  Progress,
  Select,
  SimpleGrid,
  Slider,
  Stack,
  Switch,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { memo, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { follow } from "@/api/live";
import { afterName } from "@/lib/named";
import { noticeFailure } from "@/ui/feedback/notices";

import { type Dataset, datasetQueries, type Task, useCancelTask, useChangeDataset, useCropAndTag } from "../queries";

/** Sides of a square, in pixels. */
const [SMALLEST, LARGEST] = [64, 4096];
const METHODS = ["none", "centre", "smart", "face"] as const;
const METHOD_TEXTS: Record<string, string> = {
  none: "datasets:crop.none",
  centre: "datasets:crop.centre",
  smart: "datasets:crop.smart",
  face: "datasets:crop.face",
};
const EXISTING = ["keep", "append", "overwrite"] as const;
const EXISTING_TEXTS: Record<string, string> = {
  keep: "datasets:existing.keep",
  append: "datasets:existing.append",
  overwrite: "datasets:existing.overwrite",
};

const EXISTING_HELP: Record<string, string> = {
  keep: "datasets:existing.keepHelp",
  append: "datasets:existing.appendHelp",
  overwrite: "datasets:existing.overwriteHelp",
};

/** Not drawn again while something is typed elsewhere on its page. */
export const CropAndTagPanel = memo(function CropAndTagPanel({ dataset }: { readonly dataset: Dataset }) {
  const { t } = useTranslation("datasets");
  const change = useChangeDataset(dataset.id);
  const start = useCropAndTag(dataset.id);
  const taggers = useQuery(datasetQueries.taggers()).data ?? [];
  const tagger = taggers.find((one) => one.name === dataset.tag.tagger);
  const [trigger, setTrigger] = useState<string | null>(null);
  const set = (body: Parameters<typeof change.mutate>[0]) => change.mutate(body, { onError: noticeFailure });
  const threshold = dataset.tag.threshold ?? tagger?.recommended_threshold ?? 0.35;
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("panel.title")}
        </Title>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Select
            label={t("crop.method")}
            data={METHODS.map((value) => ({ value, label: t(METHOD_TEXTS[value] ?? value) }))}
            value={dataset.crop.method}
            onChange={(value) => value !== null && set({ crop: { method: value as (typeof METHODS)[number] } })}
          />
          <TextInput
            key={dataset.crop.width}
            type="number"
            label={t("crop.size")}
            description={t("crop.sizeHelp")}
            min={SMALLEST}
            max={LARGEST}
            step={64}
            disabled={dataset.crop.method === "none"}
            defaultValue={dataset.crop.width}
            onBlur={(event) => {
              const typed = Math.round(event.currentTarget.valueAsNumber);
              const side = Number.isNaN(typed) ? dataset.crop.width : Math.min(LARGEST, Math.max(SMALLEST, typed));
              event.currentTarget.value = String(side);
              if (side !== dataset.crop.width) set({ crop: { width: side, height: side } });
            }}
          />
          <TextInput
            label={t("trigger")}
            description={t("triggerHelp")}
            value={trigger ?? dataset.trigger}
            onChange={(event) => setTrigger(event.currentTarget.value)}
            onBlur={() => {
              if (trigger !== null && trigger !== dataset.trigger) set({ trigger });
              setTrigger(null);
            }}
          />
          <Select
            label={t("tagger")}
            data={taggers.filter((one) => one.state === "ready").map((one) => one.name)}
            value={dataset.tag.tagger}
            onChange={(value) => value !== null && set({ tag: { tagger: value, threshold: null } })}
          />
          <Select
            label={t("existing.label")}
            description={t(EXISTING_HELP[dataset.tag.existing] ?? "datasets:existing.keepHelp")}
            data={EXISTING.map((value) => ({ value, label: t(EXISTING_TEXTS[value] ?? value) }))}
            value={dataset.tag.existing}
            onChange={(value) => value !== null && set({ tag: { existing: value as (typeof EXISTING)[number] } })}
          />
          <Switch
            label={t("underscores")}
            checked={dataset.tag.with_underscores}
            onChange={(event) => set({ tag: { with_underscores: event.currentTarget.checked } })}
            mt="lg"
          />
        </SimpleGrid>
        <div>
          <Text size="sm" fw={500} id="threshold">
            {t("threshold", { value: threshold.toFixed(2) })}
          </Text>
          <Text size="xs" c="dimmed">
            {t("thresholdHelp")}{" "}
            {tagger !== undefined && t("thresholdAdvised", { value: tagger.recommended_threshold.toFixed(2) })}
          </Text>
          <Slider
            aria-labelledby="threshold"
            thumbLabel={t("threshold", { value: threshold.toFixed(2) })}
            min={0.05}
            max={0.95}
            step={0.05}
            defaultValue={threshold}
            key={`${dataset.tag.tagger}-${threshold}`}
            onChangeEnd={(value) => set({ tag: { threshold: value } })}
            marks={tagger === undefined ? [] : [{ value: Math.round(tagger.recommended_threshold * 20) / 20 }]}
          />
        </div>
        <Button
          loading={start.isPending}
          disabled={dataset.num_pictures === 0}
          onClick={() => start.mutate({ parts: "both" }, { onError: noticeFailure })}
        >
          {t("panel.start")}
        </Button>
        <TaskProgress datasetId={dataset.id} />
      </Stack>
    </Card>
  );
});

/** The newest task, as it goes on; survives a reload. */
export function TaskProgress({ datasetId }: { readonly datasetId: string }) {
  const { t } = useTranslation("datasets");
  const ui = useTranslation("ui").t;
  const client = useQueryClient();
  const task: Task | undefined = useQuery(datasetQueries.tasks(datasetId)).data?.[0];
  const cancel = useCancelTask(datasetId);
  const isOpen = task?.state === "waiting" || task?.state === "running";
  const id = task?.id;
  useEffect(() => {
    if (!isOpen || id === undefined) return;
    const key = datasetQueries.tasks(datasetId).queryKey;
    const take = (shown: Task) =>
      client.setQueryData(key, (tasks) => tasks?.map((one) => (one.id === shown.id ? shown : one)));
    const refresh = () => void client.invalidateQueries({ queryKey: ["datasets", datasetId] });
    const stop = follow(`/api/datasets/${datasetId}/tasks/${id}/events`, ["Progress"], 0, {
      onEvent: (event) => take(event.data as unknown as Task),
      onEnd: refresh,
    });
    return () => {
      stop();
      refresh();
    };
  }, [client, datasetId, id, isOpen]);
  if (task === undefined) return null;
  if (!isOpen) {
    if (task.num_refused === 0 && task.state === "done") return null;
    return (
      <Alert
        color={task.state === "done" ? "odo" : "shu"}
        title={t(task.state === "done" ? "task.someRefused" : "task.stopped", { count: task.num_refused })}
      >
        {task.reason !== "" && <Text size="sm">{task.reason}</Text>}
        {task.refused.map((one) => (
          <Text key={one["picture_id"]} size="sm">
            <strong>{one["name"]}</strong>
            {afterName(one["name"] ?? "", one["message"] ?? "")} {one["cure"]}
          </Text>
        ))}
      </Alert>
    );
  }
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {task.state === "waiting"
            ? t("task.waiting", { count: task.ahead ?? 0 })
            : t("task.running", { done: task.done, total: task.total, name: task.name })}
        </Text>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          onClick={() => cancel.mutate(task.id, { onError: noticeFailure })}
        >
          {ui("cancel")}
        </Button>
      </Group>
      <Progress value={task.total === 0 ? 0 : (task.done / task.total) * 100} aria-label={t("panel.title")} />
    </Stack>
  );
}
