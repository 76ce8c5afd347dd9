/** The content of a notice that can be taken back. */
import { Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export interface UndoButtonProps {
  readonly message: string;
  readonly onUndo: () => void;
}

export function UndoButton({ message, onUndo }: UndoButtonProps) {
  const { t } = useTranslation("ui");
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm">{message}</Text>
      <Button size="compact-sm" variant="light" onClick={onUndo}>
        {t("undo")}
      </Button>
    </Group>
  );
}
