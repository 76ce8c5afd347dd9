/** A rectangle by hand on one picture, in the picture's own pixels. */
import "react-image-crop/dist/ReactCrop.css";

import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import ReactCrop, { type PercentCrop } from "react-image-crop";

export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface CropDialogProps {
  readonly src: string;
  readonly alt: string;
  readonly width: number;
  readonly height: number;
  readonly box: CropBox | null;
  readonly onCrop: (box: CropBox) => void;
  readonly onReset: () => void;
  readonly onClose: () => void;
}

export function CropDialog({ src, alt, width, height, box, onCrop, onReset, onClose }: CropDialogProps) {
  const { t } = useTranslation("ui");
  const [crop, setCrop] = useState<PercentCrop>(toPercent(box ?? { left: 0, top: 0, width, height }, width, height));
  const chosen = fromPercent(crop, width, height);
  return (
    <Modal opened onClose={onClose} size="xl" title={t("crop.title")} closeButtonProps={{ "aria-label": t("close") }}>
      <Stack>
        <div style={{ background: "var(--enogu-well)", display: "grid", placeItems: "center" }}>
          <ReactCrop
            crop={crop}
            onChange={(_, percent) => setCrop(percent)}
            keepSelection
            minWidth={16}
            minHeight={16}
            ruleOfThirds
          >
            <img src={src} alt={alt} style={{ maxHeight: "60vh", maxWidth: "100%", display: "block" }} />
          </ReactCrop>
        </div>
        <Text size="sm" c="dimmed" style={{ fontVariantNumeric: "tabular-nums" }} aria-live="polite">
          {t("crop.size", { width: chosen.width, height: chosen.height })}
        </Text>
        <Group justify="end">
          {box !== null && (
            <Button variant="subtle" color="gray" onClick={onReset}>
              {t("crop.reset")}
            </Button>
          )}
          <Button onClick={() => onCrop(chosen)}>{t("crop.take")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function toPercent(box: CropBox, width: number, height: number): PercentCrop {
  return {
    unit: "%",
    x: (box.left / width) * 100,
    y: (box.top / height) * 100,
    width: (box.width / width) * 100,
    height: (box.height / height) * 100,
  };
}

/** Whole pixels inside the picture, at least one. */
export function fromPercent(crop: PercentCrop, width: number, height: number): CropBox {
  const left = Math.min(width - 1, Math.max(0, Math.round((crop.x / 100) * width)));
  const top = Math.min(height - 1, Math.max(0, Math.round((crop.y / 100) * height)));
  return {
    left,
    top,
    width: Math.min(width - left, Math.max(1, Math.round((crop.width / 100) * width))),
    height: Math.min(height - top, Math.max(1, Math.round((crop.height / 100) * height))),
  };
}
