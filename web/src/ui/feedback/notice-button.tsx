/** The content of a notice that offers one thing to do: take it back, or try it again. */
import { Button, Group, Text } from "@mantine/core";

export interface NoticeButtonProps {
  readonly message: string;
  readonly text: string;
  readonly onPress: () => void;
}

export function NoticeButton({ message, text, onPress }: NoticeButtonProps) {
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm">{message}</Text>
      <Button size="compact-sm" variant="light" onClick={onPress} style={{ flexShrink: 0 }}>
        {text}
      </Button>
    </Group>
  );
}
