/** Tools that go on, with their bars, and the last ones that ended, with what came of them. */
import { Anchor, Button, Card, Group, Progress, Stack, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeFailure } from "@/ui/feedback/notices";
import { lazily } from "@/ui/lazily";

import { isGoingOn, type LoraJob, toolQueries, useCancelTool } from "../tool-queries";

const SHOWN_ENDED = 3;
const JobResult = lazily(async () => (await import("./lora-job-result")).LoraJobResult);

/** Without `loraId` all of them; with it those that the LoRA was put into. */
export function LoraJobs({ loraId }: { readonly loraId?: string }) {
  const { t } = useTranslation("loras");
  const all = useQuery(toolQueries.jobs()).data ?? [];
  const own = all.filter((job) => loraId === undefined || job.loras.some((one) => one.id === loraId));
  const ended = own.filter((job) => !isGoingOn(job));
  const shown = [...own.filter(isGoingOn), ...ended.slice(0, SHOWN_ENDED)];
  const [isOpen, setIsOpen] = useState<string | null>(null);
  useRefreshWhenEnded(all);
  if (shown.length === 0) return null;
  return (
    <Card>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("tools.jobs")}
        </Title>
        {shown.map((job) => (
          <Row key={job.id} job={job} onOpen={() => setIsOpen(job.id)} />
        ))}
      </Stack>
      {isOpen !== null && <JobResult id={isOpen} onClose={() => setIsOpen(null)} />}
    </Card>
  );
}

function Row({ job, onOpen }: { readonly job: LoraJob; readonly onOpen: () => void }) {
  const { t } = useTranslation("loras");
  const cancel = useCancelTool();
  const of = [...job.base_models, ...job.loras].map((one) => one.name).join(" + ");
  return (
    <Stack gap={4}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" flex="1 1 160px" lineClamp={2}>
          {t(`tools.${job.tool}.said`, { of })}
        </Text>
        <Group gap="xs">
          {job.made_lora_id !== null && (
            <Anchor
              component={Link}
              {...{ to: `/loras/${job.made_lora_id}` }}
              display="inline-block"
              py={4}
              size="sm"
              underline="always"
            >
              {job.name}
            </Anchor>
          )}
          {job.made_base_model_id !== null && (
            <Anchor
              component={Link}
              {...{ to: "/", search: { tab: "base_models" } as never }}
              display="inline-block"
              py={4}
              size="sm"
              underline="always"
            >
              {job.name}
            </Anchor>
          )}
          {job.state === "done" && (job.tool === "compare" || job.tool === "resize") && (
            <Button size="compact-sm" variant="light" onClick={onOpen}>
              {t("tools.show")}
            </Button>
          )}
          {isGoingOn(job) && (
            <Button
              size="compact-sm"
              variant="default"
              loading={cancel.isPending}
              onClick={() => cancel.mutate(job.id, { onError: noticeFailure })}
            >
              {t("tools.cancel")}
            </Button>
          )}
          {job.state === "cancelled" && (
            <Text size="sm" c="dimmed">
              {t("tools.cancelled")}
            </Text>
          )}
        </Group>
      </Group>
      {job.state === "waiting" && (
        <Text size="xs" c="dimmed">
          {t("tools.waiting")}
        </Text>
      )}
      {job.state === "running" && (
        <Progress
          value={job.total > 0 ? (100 * job.done) / job.total : 100}
          animated={job.total === 0}
          aria-label={t(`tools.${job.tool}.said`, { of })}
        />
      )}
      {(job.state === "failed" || job.state === "parked") && (
        <Text size="sm" c="shu">
          {job.reason}
        </Text>
      )}
    </Stack>
  );
}

/** What was made is in the library and among the base models at once. */
function useRefreshWhenEnded(jobs: readonly LoraJob[]) {
  const client = useQueryClient();
  const numGoingOn = jobs.filter(isGoingOn).length;
  const before = useRef(numGoingOn);
  useEffect(() => {
    if (numGoingOn < before.current) {
      void client.invalidateQueries({ queryKey: ["loras"] });
      void client.invalidateQueries({ queryKey: ["base_models"] });
    }
    before.current = numGoingOn;
  }, [client, numGoingOn]);
}
