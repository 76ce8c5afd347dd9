/** A place with nothing in it yet, that says what the next step is. */
import { Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

export interface EmptyStateProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly text: string;
  readonly action?: ReactNode;
  /** Of the heading: 1 where nothing else is on the page. */
  readonly order?: 1 | 2;
}

export function EmptyState({ icon, title, text, action, order = 2 }: EmptyStateProps) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" ta="center">
      {icon}
      <Title order={order} size="h4">
        {title}
      </Title>
      <Text c="dimmed" maw="44ch">
        {text}
      </Text>
      {action}
    </Stack>
  );
}
