/** The question itself. Whoever closes it stays. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export interface LeaveDialogProps {
  /** What is left. */
  readonly of: "page" | "dialog";
  readonly onStay: () => void;
  readonly onLeave: () => void;
}

export function LeaveDialog({ of, onStay, onLeave }: LeaveDialogProps) {
  const { t } = useTranslation("ui");
  return (
    <Modal opened onClose={onStay} title={t("leave.title")} closeButtonProps={{ "aria-label": t("close") }}>
      <Stack>
        <Text size="sm">{t(of === "page" ? "leave.text" : "leave.dialogText")}</Text>
        <Group justify="end" gap="xs">
          <Button variant="subtle" color="shu" onClick={onLeave}>
            {t(of === "page" ? "leave.leave" : "leave.close")}
          </Button>
          <Button data-autofocus onClick={onStay}>
            {t(of === "page" ? "leave.stay" : "leave.keep")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
