/** The question itself. Whoever closes it stays. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export interface LeaveDialogProps {
  readonly onStay: () => void;
  readonly onLeave: () => void;
}

export function LeaveDialog({ onStay, onLeave }: LeaveDialogProps) {
  const { t } = useTranslation("ui");
  return (
    <Modal opened onClose={onStay} title={t("leave.title")} closeButtonProps={{ "aria-label": t("close") }}>
      <Stack>
        <Text size="sm">{t("leave.text")}</Text>
        <Group justify="end" gap="xs">
          <Button variant="subtle" color="shu" onClick={onLeave}>
            {t("leave.leave")}
          </Button>
          <Button data-autofocus onClick={onStay}>
            {t("leave.stay")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
