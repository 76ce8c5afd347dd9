/** A panel at the side that leaves the page beside it usable by eye: no dark cover. */
import { Drawer } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export interface SidePanelProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function SidePanel({ title, onClose, children }: SidePanelProps) {
  const { t } = useTranslation("ui");
  return (
    <Drawer
      opened
      onClose={onClose}
      title={title}
      position="right"
      size="min(460px, 100vw)"
      overlayProps={{ backgroundOpacity: 0.08 }}
      closeButtonProps={{ "aria-label": t("close") }}
    >
      {children}
    </Drawer>
  );
}
