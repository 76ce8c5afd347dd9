/** Asks once more before a run is cancelled. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export interface CancelDialogProps {
  readonly onClose: () => void;
  readonly onCancel: () => void;
}

export function CancelDialog({ onClose, onCancel }: CancelDialogProps) {
  const { t } = useTranslation("runs");
  const ui = useTranslation("ui").t;
  return (
    <Modal opened onClose={onClose} title={t("steer.cancel")} closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        <Text size="sm">{t("steer.cancelText")}</Text>
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {t("steer.keep")}
          </Button>
          <Button color="shu" onClick={onCancel}>
            {t("steer.cancel")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
