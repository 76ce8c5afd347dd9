/** The history: state, progress, cost, time (H1). */
import { Anchor, Badge, Progress, Table, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatNumber } from "@/lib/format";
import { EmptyState } from "@/ui/feedback/empty-state";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { type RunInList, runQueries } from "../queries";

const COLOURS: Record<string, string> = {
  finished: "rokusho",
  failed: "shu",
  parked: "shu",
  cancelled: "gray",
  paused: "odo",
  queued: "odo",
};
const STATES: Record<string, string> = {
  queued: "runs:state.queued",
  starting: "runs:state.starting",
  training: "runs:state.training",
  paused: "runs:state.paused",
  finished: "runs:state.finished",
  failed: "runs:state.failed",
  cancelled: "runs:state.cancelled",
  parked: "runs:state.parked",
};

export function StateBadge({ run }: { readonly run: RunInList }) {
  const { t } = useTranslation("runs");
  const { state } = run;
  return (
    <Badge variant="light" color={COLOURS[state] ?? "gunjo"}>
      {state === "cancelled" && isByAdministrator(run)
        ? t("state.cancelledByAdministrator")
        : t(STATES[state] ?? state)}
    </Badge>
  );
}

/** It was not its owner who cancelled it, or wants it cancelled. */
export function isByAdministrator(run: RunInList): boolean {
  return run.failure?.kind === "CancelledByAdministrator";
}

/** Not drawn again while something is typed elsewhere on its page. */
export const RunList = memo(function RunList({ datasetId }: { readonly datasetId?: string }) {
  const { t, i18n } = useTranslation("runs");
  const runs = useQuery({ ...runQueries.list(datasetId), refetchInterval: 5000 });
  if (runs.isError) return <ProblemNotice error={runs.error} onRetry={() => void runs.refetch()} />;
  if (runs.data?.length === 0)
    return (
      <EmptyState
        icon={<IconHistory size={48} stroke={1.2} aria-hidden />}
        title={t("list.empty")}
        text={t("list.emptyText")}
      />
    );
  return (
    <Table.ScrollContainer minWidth={520} maw={1400}>
      <Table verticalSpacing="sm" style={{ fontVariantNumeric: "tabular-nums" }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("list.name")}</Table.Th>
            <Table.Th>{t("list.state")}</Table.Th>
            <Table.Th>{t("list.progress")}</Table.Th>
            <Table.Th ta="end">{t("list.cost")}</Table.Th>
            <Table.Th>{t("list.when")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {(runs.data ?? []).map((run) => (
            <Table.Tr key={run.id}>
              <Table.Td>
                <Anchor component={Link} {...{ to: `/runs/${run.id}` }}>
                  {run.name}
                </Anchor>
                <Text size="xs" c="dimmed">
                  {run.dataset_name} · {run.base_model_name}
                </Text>
              </Table.Td>
              <Table.Td>
                <StateBadge run={run} />
              </Table.Td>
              <Table.Td miw={120}>
                <RunProgress run={run} />
              </Table.Td>
              <Table.Td ta="end">
                {formatNumber(run.ended_at == null ? run.quoted : run.charged, i18n.language)}
              </Table.Td>
              <Table.Td>{formatDateTime(run.created_at, i18n.language)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
});

export function RunProgress({ run }: { readonly run: RunInList }) {
  const { t, i18n } = useTranslation("runs");
  const number = (value: number) => formatNumber(value, i18n.language);
  const words = t("progress", {
    step: number(run.step),
    steps: number(run.num_steps),
    epoch: number(run.epoch),
    epochs: number(run.num_epochs),
  });
  return (
    <>
      <Progress
        value={run.num_steps === 0 ? 0 : (run.step / run.num_steps) * 100}
        aria-label={words}
        color={run.state === "failed" ? "shu" : "gunjo"}
      />
      <Text size="xs" c="dimmed">
        {words}
      </Text>
    </>
  );
}
