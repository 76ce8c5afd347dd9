/** One picture as large as the screen allows, with its caption. */
import { Modal, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import classes from "./captions.module.css";

export interface LargePictureProps {
  readonly name: string;
  readonly src: string;
  readonly caption: string;
  readonly onClose: () => void;
}

export function LargePicture({ name, src, caption, onClose }: LargePictureProps) {
  const { t } = useTranslation("captions");
  return (
    <Modal opened onClose={onClose} size="auto" title={name} closeButtonProps={{ "aria-label": t("close") }}>
      <img className={classes.large} src={src} alt={name} />
      <Text size="xs" c="dimmed">
        {caption}
      </Text>
    </Modal>
  );
}
