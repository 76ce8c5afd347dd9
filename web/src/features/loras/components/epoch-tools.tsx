/** What a saved epoch is good for beside being downloaded: the library, drawing at once, training it further (H3, I1, G7). */
import { Button } from "@mantine/core";
import { IconBookmark, IconBookmarkFilled, IconBrush } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import {
  completedRecipe,
  type Epoch,
  FurtherButton,
  furtherOfRun,
  runQueries,
  startOfRun,
} from "@/features/runs/public";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";

import { toDrawWith } from "../model/links";
import { loraQueries, useSaveEpoch } from "../queries";

export interface EpochToolsProps {
  readonly runId: string;
  readonly epoch: Epoch;
}

export function EpochTools({ runId, epoch }: EpochToolsProps) {
  const { t } = useTranslation("loras");
  const saved = useQuery(loraQueries.ofRun(runId)).data?.find((one) => one.sha256 === epoch.sha256);
  const run = useQuery(runQueries.detail(runId)).data;
  const client = useQueryClient();
  const save = useSaveEpoch(runId);
  const navigate = useNavigate();
  const draw = (id: string) => void navigate(toDrawWith(id) as never);
  const handleSave = () =>
    save.mutate(epoch.filename, {
      onSuccess: (lora) => noticeDone(t("epoch.saved", { name: lora.name })),
      onError: noticeFailure,
    });
  const handleDraw = () => {
    if (saved !== undefined) draw(saved.id);
    else save.mutate(epoch.filename, { onSuccess: (lora) => draw(lora.id), onError: noticeFailure });
  };
  return (
    <>
      {saved === undefined ? (
        <Button
          size="compact-sm"
          variant="light"
          loading={save.isPending}
          aria-label={t("epoch.save", { name: epoch.filename })}
          leftSection={<IconBookmark size={16} stroke={1.5} aria-hidden />}
          onClick={handleSave}
        >
          {t("epoch.saveShort")}
        </Button>
      ) : (
        <Button
          component={Link}
          {...{ to: `/loras/${saved.id}` }}
          size="compact-sm"
          variant="subtle"
          color="rokusho"
          aria-label={t("epoch.isSaved", { name: saved.name })}
          leftSection={<IconBookmarkFilled size={16} aria-hidden />}
        >
          {t("epoch.isSavedShort")}
        </Button>
      )}
      <Button
        size="compact-sm"
        variant="subtle"
        disabled={save.isPending}
        aria-label={t("epoch.draw", { name: epoch.filename })}
        leftSection={<IconBrush size={16} stroke={1.5} aria-hidden />}
        onClick={handleDraw}
      >
        {t("epoch.drawShort")}
      </Button>
      <FurtherButton
        size="compact-sm"
        variant="subtle"
        name={epoch.filename}
        datasetId={run?.dataset_id}
        recipe={async () =>
          furtherOfRun(
            await completedRecipe(client, await client.fetchQuery(runQueries.recipe(runId))),
            startOfRun(runId, epoch.filename),
          )
        }
      />
    </>
  );
}
