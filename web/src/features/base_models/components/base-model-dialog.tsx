/** All base models, to choose one; what cannot be trained says why (C2). */
import { Modal } from "@mantine/core";
import { useState } from "react";
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
  const [isLooking, setIsLooking] = useState(false);
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      closeOnEscape={!isLooking}
      size="xl"
      title={t("dialog.title")}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <BaseModelBrowser maxHeight="60dvh" chosen={chosen} onChoose={onChoose} onLook={setIsLooking} />
    </Modal>
  );
}
