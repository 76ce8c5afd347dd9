/** Epochs of a run beside each other at several weights: those that are chosen are saved, then laid out where one draws (I5). */
import { Button } from "@mantine/core";
import { IconGridDots } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { runQueries } from "@/features/runs/public";
import { lazily } from "@/ui/lazily";

// The button is the page's own: one that came later would push the epochs away under a finger.
const EpochsGridDialog = lazily(async () => (await import("./epochs-grid-dialog")).EpochsGridDialog);

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
      {isOpen && <EpochsGridDialog runId={runId} epochs={epochs} onClose={() => setIsOpen(false)} />}
    </>
  );
}
