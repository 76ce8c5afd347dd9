/** What a dataset is called, and the way to call it otherwise. */
import { ActionIcon, Group, TextInput, Title, VisuallyHidden } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { type KeyboardEvent, type SubmitEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { isConverting } from "@/lib/typing";
import { noticeFailureAs } from "@/ui/feedback/notices";

import { type Dataset, useChangeDataset } from "../queries";

const LONGEST = 200;

export function DatasetTitle({ dataset }: { readonly dataset: Dataset }) {
  const { t } = useTranslation("datasets");
  const change = useChangeDataset(dataset.id);
  const [typed, setTyped] = useState<string | null>(null);
  const pencil = useRef<HTMLButtonElement>(null);
  const end = (name: string | null) => {
    setTyped(null);
    requestAnimationFrame(() => pencil.current?.focus());
    if (typed === null || name === null || name === "" || name === dataset.name) return;
    change.mutate({ name }, { onError: (error) => noticeFailureAs(t("rename.failed", { name }), error) });
  };
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    end(typed?.trim() ?? null);
  };
  const handleKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !isConverting(event)) end(null);
  };
  if (typed !== null)
    return (
      <form onSubmit={handleSubmit}>
        <VisuallyHidden>
          <Title order={1}>{dataset.name}</Title>
        </VisuallyHidden>
        <TextInput
          aria-label={t("create.name")}
          maw={480}
          maxLength={LONGEST}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- it takes the place of the button that was pressed
          autoFocus
          value={typed}
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onBlur={() => end(typed.trim())}
          onKeyDown={handleKey}
        />
      </form>
    );
  return (
    <Group gap="xs" wrap="nowrap" align="center">
      <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
        {dataset.name}
      </Title>
      <ActionIcon
        ref={pencil}
        size={32}
        aria-label={t("rename.rename")}
        title={t("rename.rename")}
        onClick={() => setTyped(dataset.name)}
      >
        <IconPencil size={18} stroke={1.5} />
      </ActionIcon>
    </Group>
  );
}
