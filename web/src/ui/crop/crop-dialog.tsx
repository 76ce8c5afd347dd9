/** A rectangle by hand on one picture, in the picture's own pixels. */
import "react-image-crop/dist/ReactCrop.css";

import { ActionIcon, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { IconZoomIn, IconZoomOut } from "@tabler/icons-react";
import { type CSSProperties, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import ReactCrop, { type PercentCrop } from "react-image-crop";

import { useSteady } from "@/lib/use-steady";

import classes from "./crop-dialog.module.css";
import { MOST_ZOOM, type Point, scrolledTo, zoomed, zoomOfWheel } from "./zoom";

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
  const { t, i18n } = useTranslation("ui");
  const [crop, setCrop] = useState<PercentCrop>(toPercent(box ?? { left: 0, top: 0, width, height }, width, height));
  const chosen = fromPercent(crop, width, height);
  const { zoom, frame, zoomTo } = useZoom({ x: crop.x + crop.width / 2, y: crop.y + crop.height / 2 });
  const sizes = { "--zoom": zoom, "--ratio": width / height, "--own-width": `${width}px` } as CSSProperties;
  return (
    <Modal opened onClose={onClose} size="xl" title={t("crop.title")} closeButtonProps={{ "aria-label": t("close") }}>
      <Stack>
        <div ref={frame} className={classes.frame} style={sizes} data-zoomed={zoom > 1}>
          <ReactCrop
            crop={crop}
            onChange={(_, percent) => setCrop(percent)}
            keepSelection
            minWidth={16}
            minHeight={16}
            ruleOfThirds
          >
            <img src={src} alt={alt} />
          </ReactCrop>
        </div>
        <Group justify="space-between" gap="xs">
          <Text size="sm" c="dimmed" style={{ fontVariantNumeric: "tabular-nums" }} aria-live="polite">
            {t("crop.size", { width: chosen.width, height: chosen.height })}
          </Text>
          <Group gap={4} wrap="nowrap">
            <ActionIcon
              variant="default"
              size={32}
              aria-label={t("crop.zoomOut")}
              title={t("crop.zoomOut")}
              disabled={zoom <= 1}
              onClick={() => zoomTo(zoomed(zoom, -1))}
            >
              <IconZoomOut size={18} stroke={1.5} />
            </ActionIcon>
            <Text size="sm" w={56} ta="center" style={{ fontVariantNumeric: "tabular-nums" }} role="status">
              {new Intl.NumberFormat(i18n.language, { style: "percent" }).format(zoom)}
            </Text>
            <ActionIcon
              variant="default"
              size={32}
              aria-label={t("crop.zoomIn")}
              title={t("crop.zoomIn")}
              disabled={zoom >= MOST_ZOOM}
              onClick={() => zoomTo(zoomed(zoom, 1))}
            >
              <IconZoomIn size={18} stroke={1.5} />
            </ActionIcon>
          </Group>
        </Group>
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

/** How large the picture is in its frame: by buttons around what is selected, by the wheel around the pointer. */
function useZoom(selected: Point) {
  const [zoom, setZoom] = useState(1);
  const frame = useRef<HTMLDivElement>(null);
  // A dialog brings its content a moment later: an effect that ran but once would find no frame to listen to.
  const [arrived, setArrived] = useState<HTMLDivElement | null>(null);
  const arrive = useSteady((node: HTMLDivElement | null) => {
    frame.current = node;
    setArrived(node);
  });
  /** What part of the picture, in percent, is to stay where in the frame. */
  const held = useRef<{ readonly part: Point; readonly at: Point } | null>(null);
  const zoomTo = useSteady((next: number, pointer?: Point) => {
    const node = frame.current;
    const picture = node?.firstElementChild;
    if (node === null || picture == null) return;
    const box = node.getBoundingClientRect();
    const shown = picture.getBoundingClientRect();
    held.current =
      pointer === undefined
        ? { part: selected, at: { x: node.clientWidth / 2, y: node.clientHeight / 2 } }
        : {
            part: {
              x: ((pointer.x - shown.left) / shown.width) * 100,
              y: ((pointer.y - shown.top) / shown.height) * 100,
            },
            at: { x: pointer.x - box.left, y: pointer.y - box.top },
          };
    setZoom(next);
  });
  useLayoutEffect(() => {
    const node = frame.current;
    const picture = node?.firstElementChild;
    if (node === null || picture == null || held.current === null) return;
    const { part, at } = held.current;
    held.current = null;
    node.scrollLeft = scrolledTo(part.x, picture.clientWidth, at.x);
    node.scrollTop = scrolledTo(part.y, picture.clientHeight, at.y);
  }, [zoom]);
  const handleWheel = useSteady((event: WheelEvent) => {
    event.preventDefault();
    zoomTo(zoomOfWheel(zoom, event.deltaY), { x: event.clientX, y: event.clientY });
  });
  useEffect(() => {
    // React's own listener may not keep the page from scrolling.
    arrived?.addEventListener("wheel", handleWheel, { passive: false });
    return () => arrived?.removeEventListener("wheel", handleWheel);
  }, [arrived, handleWheel]);
  return { zoom, frame: arrive, zoomTo };
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
