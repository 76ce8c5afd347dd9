/** The pictures of a dataset: drop, select, look at, crop by hand, remove with a way back. */
import { Badge, Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCrop, IconPhotoX } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useViewport } from "@/lib/use-viewport";
import { DropZone } from "@/ui/drop-zone/drop-zone";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { lazily } from "@/ui/lazily";
import { PictureGrid } from "@/ui/picture-grid/picture-grid";
import { clicked, nothingSelected, type Selection } from "@/ui/picture-grid/selection";
import { UploadPanel } from "@/ui/upload-queue/upload-panel";

import { choicesOf, isShown, type Shown } from "../model/roles";
import { datasetQueries, type Picture, useHandCrop, useRemovePictures } from "../queries";
import { datasetLine, parcelsOf } from "../sending";
import { Findings } from "./findings";
import { RoleMenu } from "./role-menu";
import { UnfinishedUploads } from "./unfinished-uploads";

const CropDialog = lazily(async () => (await import("@/ui/crop/crop-dialog")).CropDialog);
const MaskDialog = lazily(async () => (await import("./mask-dialog")).MaskDialog);
const HowToBring = lazily(async () => (await import("./how-to-bring")).HowToBring);
const GRID_HEIGHT = 560;
const ACCEPTED = ".png,.jpg,.jpeg,.webp,.avif,.gif,.bmp,.tif,.tiff,.txt,.caption,.zip";

export interface PictureBoardProps {
  readonly datasetId: string;
  readonly selection: Selection;
  readonly onSelect: (selection: Selection) => void;
  readonly shownIds?: ReadonlySet<string> | null;
}

/** Not drawn again while something is typed elsewhere on its page. */
export const PictureBoard = memo(function PictureBoard(props: PictureBoardProps) {
  const { datasetId, selection, onSelect, shownIds = null } = props;
  const { t } = useTranslation("datasets");
  const client = useQueryClient();
  const viewport = useViewport();
  const answer = useQuery(datasetQueries.pictures(datasetId));
  const [cropped, setCropped] = useState<string | null>(null);
  const [masked, setMasked] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Shown>("all");
  const { remove, restore } = useRemovePictures(datasetId);
  const line = datasetLine(client, datasetId);
  const all = answer.data?.pictures ?? [];
  const choices = choicesOf(all);
  const shown = choices.includes(chosen) ? chosen : "all";
  const pictures = all.filter((one) => isShown(one, shown) && (shownIds === null || shownIds.has(one.id)));
  const byId = new Map(all.map((picture) => [picture.id, picture]));
  const order = pictures.map((picture) => picture.id);
  const selected = [...selection.ids].filter((id) => byId.has(id));

  const handleRemove = () =>
    remove.mutate(selected, {
      onSuccess: () => {
        onSelect(nothingSelected);
        noticeDone(t("removed", { count: selected.length }), () =>
          restore.mutate(selected, { onError: noticeFailure }),
        );
      },
      onError: noticeFailure,
    });
  const picture = cropped === null ? undefined : byId.get(cropped);
  const withMask = masked === null ? undefined : byId.get(masked);
  return (
    <Stack gap="sm">
      {answer.isError && <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />}
      <DropZone
        title={t("drop.title")}
        text={t("drop.text")}
        accept={ACCEPTED}
        withFolders
        onFiles={(files) => line.add(parcelsOf(files))}
      />
      <UploadPanel line={line} />
      <UnfinishedUploads datasetId={datasetId} />
      <Group justify="space-between">
        <Text size="sm" c="dimmed" role="status">
          {selected.length === 0 ? t("count", { count: pictures.length }) : t("selected", { count: selected.length })}
        </Text>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            disabled={selected.length !== 1}
            leftSection={<IconCrop size={16} stroke={1.5} />}
            onClick={() => setCropped(selected[0] ?? null)}
          >
            {t("crop.byHand")}
          </Button>
          <RoleMenu datasetId={datasetId} selected={selected.flatMap((id) => byId.get(id) ?? [])} onMask={setMasked} />
          <Button
            size="xs"
            variant="default"
            disabled={selected.length === 0}
            leftSection={<IconPhotoX size={16} stroke={1.5} />}
            loading={remove.isPending}
            onClick={handleRemove}
          >
            {t("remove")}
          </Button>
        </Group>
      </Group>
      {choices.length > 0 && (
        <SegmentedControl
          size="xs"
          aria-label={t("role.shown")}
          value={shown}
          onChange={(value) => setChosen(value as Shown)}
          data={choices.map((one) => ({ value: one, label: t(`role.${one}`) }))}
          style={{ alignSelf: "start", maxWidth: "100%" }}
        />
      )}
      {all.length > 0 && (
        <Findings datasetId={datasetId} onSelect={(ids) => onSelect({ ...nothingSelected, ids: new Set(ids) })} />
      )}
      {answer.isSuccess && all.length === 0 && <HowToBring />}
      {pictures.length > 0 && (
        <PictureGrid
          label={t("pictures")}
          pictures={pictures.map((one) => ({ id: one.id, thumb: one.thumb_url, alt: altOf(one) }))}
          selection={selection}
          maxHeight={Math.max(GRID_HEIGHT, viewport.height * 0.62)}
          mark={(id) => <Marks picture={byId.get(id)} />}
          onClick={(id, click) => onSelect(clicked(selection, id, order, click))}
          onOpen={setCropped}
        />
      )}
      {picture !== undefined && <HandCrop datasetId={datasetId} picture={picture} onClose={() => setCropped(null)} />}
      {withMask !== undefined && (
        <MaskDialog datasetId={datasetId} picture={withMask} onClose={() => setMasked(null)} />
      )}
    </Stack>
  );
});

/** What is to be known of a picture at a glance. */
function Marks({ picture }: { readonly picture: Picture | undefined }) {
  const { t } = useTranslation("datasets");
  if (picture === undefined) return null;
  return (
    <Group gap={4}>
      {picture.is_regularisation && (
        <Badge size="xs" color="gray" variant="filled" title={t("role.isSpared")}>
          {t("role.badgeSpared")}
        </Badge>
      )}
      {picture.mask_url !== null && (
        <Badge size="xs" color="gray" variant="filled" title={t("role.isMasked")}>
          {t("role.badgeMasked")}
        </Badge>
      )}
      {picture.problems.length > 0 && (
        <Badge size="sm" color="odo" circle title={picture.problems.map((one) => one.message).join(" ")}>
          <IconAlertTriangle size={12} aria-hidden />
        </Badge>
      )}
    </Group>
  );
}

function HandCrop({
  datasetId,
  picture,
  onClose,
}: {
  readonly datasetId: string;
  readonly picture: Picture;
  readonly onClose: () => void;
}) {
  const { crop, reset } = useHandCrop(datasetId);
  const done = { onSuccess: onClose, onError: noticeFailure };
  return (
    <CropDialog
      src={picture.file_url}
      alt={altOf(picture)}
      width={picture.width}
      height={picture.height}
      box={picture.crop?.method === "hand" ? picture.crop : null}
      onCrop={(box) => crop.mutate({ pictureId: picture.id, box }, done)}
      onReset={() => reset.mutate(picture.id, done)}
      onClose={onClose}
    />
  );
}

function altOf(picture: Picture): string {
  return picture.caption === "" ? picture.name : `${picture.name}: ${picture.caption}`;
}
