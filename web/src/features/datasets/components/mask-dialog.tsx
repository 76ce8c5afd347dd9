/** What of one picture is learnt: its mask laid over it, another one, none (F28). */
import { Alert, Button, Checkbox, FileButton, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeFailure } from "@/ui/feedback/notices";

import { type Picture, useRoles } from "../queries";
import classes from "./mask-dialog.module.css";

export interface MaskDialogProps {
  readonly datasetId: string;
  readonly picture: Picture;
  readonly onClose: () => void;
}

export function MaskDialog({ datasetId, picture, onClose }: MaskDialogProps) {
  const { t } = useTranslation("datasets");
  const { t: ofUi } = useTranslation("ui");
  const { mask, unmask } = useRoles(datasetId);
  const [isLaidOver, setIsLaidOver] = useState(true);
  const handleFile = (file: File | null) => {
    if (file !== null) mask.mutate({ pictureId: picture.id, file }, { onError: noticeFailure });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t("mask.title")}
      closeButtonProps={{ "aria-label": ofUi("close") }}
    >
      <Stack>
        <div className={classes.well}>
          <div className={classes.stage}>
            <img className={classes.picture} src={picture.file_url} alt={picture.name} />
            {picture.mask_url !== null && isLaidOver && (
              <img className={classes.mask} src={picture.mask_url} alt={t("mask.alt")} />
            )}
          </div>
        </div>
        <Text size="sm" c="dimmed">
          {t("mask.help", { width: picture.width, height: picture.height })}
        </Text>
        {picture.mask_url !== null && <Alert variant="light">{t("mask.switch")}</Alert>}
        <Group justify="space-between">
          <Checkbox
            label={t("mask.layOver")}
            checked={isLaidOver}
            disabled={picture.mask_url === null}
            onChange={(event) => setIsLaidOver(event.currentTarget.checked)}
          />
          <Group>
            {picture.mask_url !== null && (
              <Button
                variant="subtle"
                color="gray"
                loading={unmask.isPending}
                onClick={() => unmask.mutate(picture.id, { onError: noticeFailure })}
              >
                {t("mask.remove")}
              </Button>
            )}
            <FileButton accept="image/png,image/jpeg,image/webp" onChange={handleFile}>
              {(props) => (
                <Button {...props} loading={mask.isPending}>
                  {t("mask.choose")}
                </Button>
              )}
            </FileButton>
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
