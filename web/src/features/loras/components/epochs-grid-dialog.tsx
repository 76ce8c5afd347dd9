/** Which epochs are laid out beside each other. */
import { Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Epoch } from "@/features/runs/public";
import { noticeFailure } from "@/ui/feedback/notices";

import { toLayOut } from "../model/links";
import { useSaveEpoch } from "../queries";

const FIRST_CHOSEN = 3;

export interface EpochsGridDialogProps {
  readonly runId: string;
  readonly epochs: readonly Epoch[];
  readonly onClose: () => void;
}

export function EpochsGridDialog({ runId, epochs, onClose }: EpochsGridDialogProps) {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const save = useSaveEpoch(runId);
  const navigate = useNavigate();
  const [chosen, setChosen] = useState(() => epochs.slice(-FIRST_CHOSEN).map((one) => one.filename));
  const [isBusy, setIsBusy] = useState(false);
  const handleGo = async () => {
    setIsBusy(true);
    try {
      const ids: string[] = [];
      for (const one of epochs) if (chosen.includes(one.filename)) ids.push((await save.mutateAsync(one.filename)).id);
      await navigate(toLayOut(ids) as never);
    } catch (error) {
      noticeFailure(error);
      setIsBusy(false);
    }
  };
  return (
    <Modal opened onClose={onClose} title={t("grid.title")} closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        <Text size="sm">{t("grid.help")}</Text>
        <Checkbox.Group label={t("grid.epochs")} value={chosen} onChange={setChosen}>
          <Group gap="sm" mt="xs">
            {epochs.map((one) => (
              <Checkbox
                key={one.filename}
                value={one.filename}
                label={one.is_extra ? t("grid.step", { step: one.step }) : t("grid.epoch", { epoch: one.epoch })}
              />
            ))}
          </Group>
        </Checkbox.Group>
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {ui("cancel")}
          </Button>
          <Button loading={isBusy} disabled={chosen.length === 0} onClick={() => void handleGo()}>
            {t("grid.go")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
