/** All base models, to choose one; what cannot be trained says why (C2). */
import { Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { BaseModelBrowser } from "./base-model-browser";

export interface BaseModelDialogProps {
  readonly isOpen: boolean;
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
  readonly onClose: () => void;
}

export function BaseModelDialog({ isOpen, chosen, onChoose, onClose }: BaseModelDialogProps) {
  const { t } = useTranslation("base_models");
  const ui = useTranslation("ui").t;
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      size="xl"
      title={t("dialog.title")}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <BaseModelBrowser maxHeight="60dvh" chosen={chosen} onChoose={onChoose} />
    </Modal>
  );
}
