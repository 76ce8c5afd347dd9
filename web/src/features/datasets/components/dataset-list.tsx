/** One's datasets as cards, and where the first one begins. */
import { Button, Card, Group, Stack, Text } from "@mantine/core";
import { IconPhoto, IconPhotoPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { EmptyState } from "@/ui/feedback/empty-state";
import { noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { datasetQueries, useAddSample } from "../queries";
import classes from "./dataset-list.module.css";

export function DatasetList() {
  const { t, i18n } = useTranslation("datasets");
  const list = useQuery(datasetQueries.list());
  const samples = useQuery(datasetQueries.samples());
  const addSample = useAddSample();
  const datasets = list.data?.datasets ?? [];
  return (
    <Stack>
      {list.isError && <ProblemNotice error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && datasets.length === 0 && (
        <EmptyState
          icon={<IconPhotoPlus size={48} stroke={1.2} aria-hidden />}
          title={t("empty.title")}
          text={t("empty.text")}
          action={
            <Group>
              {(samples.data ?? []).map((sample) => (
                <Button
                  key={sample.name}
                  variant="default"
                  loading={addSample.isPending}
                  onClick={() => addSample.mutate(sample.name, { onError: noticeFailure })}
                >
                  {t("empty.sample", { name: sample.name })}
                </Button>
              ))}
            </Group>
          }
        />
      )}
      <div className={classes.cards}>
        {datasets.map((dataset) => (
          <Card
            key={dataset.id}
            component={Link}
            {...{ to: `/datasets/${dataset.id}` }}
            padding={0}
            className={classes.card}
          >
            <div className={classes.cover}>
              {dataset.cover == null ? (
                <IconPhoto size={40} stroke={1.2} aria-hidden />
              ) : (
                <img src={dataset.cover} alt="" loading="lazy" />
              )}
            </div>
            <Stack gap={2} p="sm">
              <Text fw={600} truncate>
                {dataset.name}
              </Text>
              <Text size="sm" c="dimmed">
                {t("count", { count: dataset.num_pictures })}
              </Text>
              <Text size="xs" c="dimmed">
                {formatDateTime(dataset.changed_at, i18n.language)}
              </Text>
            </Stack>
          </Card>
        ))}
      </div>
    </Stack>
  );
}
