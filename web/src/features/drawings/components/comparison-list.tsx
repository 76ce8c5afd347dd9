/** Comparisons that were drawn, by their sheets (I5). */
import { Button, Stack, Text } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { EmptyState } from "@/ui/feedback/empty-state";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { drawingQueries } from "../queries";
import classes from "./request-view.module.css";

export function ComparisonList({ onChoose }: { readonly onChoose: (id: string) => void }) {
  const { t, i18n } = useTranslation("drawings");
  const ui = useTranslation("ui").t;
  const found = useInfiniteQuery(drawingQueries.comparisons());
  const requests = (found.data?.pages ?? []).flatMap((page) => page.requests);
  if (found.isError) return <ProblemNotice error={found.error} onRetry={() => void found.refetch()} />;
  if (found.isSuccess && requests.length === 0)
    return (
      <EmptyState
        icon={<IconColumns3 size={48} stroke={1.2} aria-hidden />}
        title={t("comparisons.empty")}
        text={t("comparisons.emptyText")}
      />
    );
  return (
    <Stack>
      <div className={classes.sheets}>
        {requests.map((request) => (
          <button key={request.id} type="button" className={classes.sheetCard} onClick={() => onChoose(request.id)}>
            {request.sheet?.is_ready === true && (
              <img src={`/api/drawings/requests/${request.id}/sheet`} alt="" loading="lazy" />
            )}
            <div>
              <Text size="sm" lineClamp={1}>
                {request.prompt}
              </Text>
              <Text size="xs" c="dimmed">
                {[formatDateTime(request.created_at, i18n.language), request.base_model_name].join(" · ")}
              </Text>
            </div>
          </button>
        ))}
      </div>
      {found.hasNextPage && (
        <Button
          variant="default"
          mx="auto"
          loading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {ui("more")}
        </Button>
      )}
    </Stack>
  );
}
