/** One command for many captions: its fields, what it would change, and one button that says how many captions. */
import { Button, Group, Modal, Stack } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { isConverting } from "@/lib/typing";

import type { Book } from "../model/book";
import type { Command } from "../model/commands";
import { captionQueries } from "../queries";
import { CommandPreview } from "./command-preview";

export interface CommandDialogProps {
  readonly datasetId: string;
  readonly book: Book;
  readonly title: string;
  /** null while the fields are not filled in. */
  readonly command: Command | null;
  /** The pictures it is for; null: all. */
  readonly ids: readonly string[] | null;
  readonly isDeletion?: boolean;
  readonly hasExamples?: boolean;
  readonly children?: ReactNode;
  readonly onApply: (command: Command) => void;
  readonly onClose: () => void;
}

export function CommandDialog(props: CommandDialogProps) {
  const {
    datasetId,
    book,
    title,
    command,
    ids,
    isDeletion = false,
    hasExamples = true,
    children,
    onApply,
    onClose,
  } = props;
  const { t } = useTranslation("captions");
  const ui = useTranslation("ui").t;
  const asJson = command === null ? "" : JSON.stringify(command);
  const [asked] = useDebouncedValue(asJson, 250);
  const isCurrent = asked === asJson;
  const trial = useQuery(captionQueries.dryRun(datasetId, book.revision, parsed(asked), ids, hasExamples));
  const tried = isCurrent && command !== null ? trial.data : undefined;
  const canApply = command !== null && tried !== undefined && tried.num_changed > 0;
  const apply = () => {
    if (!canApply) return;
    onApply(command);
    onClose();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size="lg"
      closeButtonProps={{ "aria-label": ui("close") }}
      onKeyDown={(event) => {
        const isField = event.target instanceof HTMLInputElement;
        if (event.key !== "Enter" || !isField || isConverting(event)) return;
        event.preventDefault();
        apply();
      }}
    >
      <Stack>
        {children}
        {command !== null && (
          <CommandPreview
            book={book}
            tried={tried}
            error={isCurrent ? trial.error : null}
            isTrying={!isCurrent || trial.isFetching}
            hasExamples={hasExamples}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {ui("cancel")}
          </Button>
          <Button
            data-autofocus={isDeletion || undefined}
            color={isDeletion ? "shu" : "gunjo"}
            disabled={!canApply && !isDeletion}
            aria-disabled={!canApply}
            onClick={apply}
          >
            {tried === undefined
              ? t("apply.waiting")
              : isDeletion
                ? t("apply.delete", { count: tried.num_changed })
                : t("apply.change", { count: tried.num_changed })}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function parsed(json: string): Command | null {
  return json === "" ? null : (JSON.parse(json) as Command);
}
