/** Epochs of a run beside each other at several weights: those that are chosen are saved, then laid out where one draws (I5). */
import { Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { IconGridDots } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { type Epoch, runQueries } from "@/features/runs/public";
import { noticeFailure } from "@/ui/feedback/notices";

import { toLayOut } from "../model/links";
import { useSaveEpoch } from "../queries";

const FIRST_CHOSEN = 3;

export function EpochsGrid({ runId }: { readonly runId: string }) {
  const { t } = useTranslation("loras");
  const [isOpen, setIsOpen] = useState(false);
  const epochs = useQuery(runQueries.epochs(runId)).data ?? [];
  if (epochs.length === 0) return null;
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconGridDots size={16} stroke={1.5} aria-hidden />}
        onClick={() => setIsOpen(true)}
      >
        {t("grid.button")}
      </Button>
      {isOpen && <Choice runId={runId} epochs={epochs} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function Choice({
  runId,
  epochs,
  onClose,
}: {
  readonly runId: string;
  readonly epochs: readonly Epoch[];
  readonly onClose: () => void;
}) {
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
