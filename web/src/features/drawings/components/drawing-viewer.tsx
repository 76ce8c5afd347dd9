/** Drawings full screen, with what each was drawn from: to be read, copied, taken over, taken along, put away (I4, I6). */
import { CopyButton } from "@mantine/core";
import {
  IconAdjustmentsCheck,
  IconCheck,
  IconCopy,
  IconDownload,
  IconInfoCircle,
  IconTrash,
} from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatNumber } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { Viewer } from "@/ui/viewer/viewer";
import viewerClasses from "@/ui/viewer/viewer.module.css";

import { type Drawing, useRemoveDrawings } from "../queries";
import classes from "./drawing-viewer.module.css";
import { type OpenPictures, viewerGrid } from "./request-view";

export interface DrawingViewerProps {
  readonly open: OpenPictures;
  readonly samplers: ReadonlyMap<string, string>;
  readonly schedules: ReadonlyMap<string, string>;
  readonly onUse: (drawing: Drawing) => void;
  readonly onClose: () => void;
}

const wide = "(min-width: 821px)";

export function DrawingViewer({ open, samplers, schedules, onUse, onClose }: DrawingViewerProps) {
  const { t } = useTranslation("drawings");
  const [isTelling, setIsTelling] = useState(() => window.matchMedia(wide).matches);
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const { remove, restore } = useRemoveDrawings();
  const pictures = open.pictures.map((row) => row.map((one) => (one && removed.has(one.id) ? undefined : one)));
  const at = (row: number, column: number) => pictures[row]?.[column];
  const captionOf = (one: Drawing) => t("picture.caption", { seed: one.seed, prompt: one.prompt });
  const handleRemove = (drawing: Drawing) =>
    remove.mutate([drawing.id], {
      onSuccess: ({ ids }) => {
        setRemoved(new Set([...removed, drawing.id]));
        noticeDone(t("gallery.removed", { count: 1 }), () => {
          restore.mutate(ids, { onError: noticeFailure });
          setRemoved((before) => new Set([...before].filter((id) => id !== drawing.id)));
        });
      },
      onError: noticeFailure,
    });
  return (
    <Viewer
      grid={viewerGrid(pictures, captionOf)}
      row={open.row}
      column={open.column}
      onClose={onClose}
      tools={(_, { row, column }) => {
        const drawing = at(row, column);
        if (drawing === undefined) return null;
        return (
          <>
            <button
              type="button"
              className={viewerClasses.button}
              aria-label={t("picture.use")}
              title={t("picture.use")}
              onClick={() => onUse(drawing)}
            >
              <IconAdjustmentsCheck stroke={1.5} />
            </button>
            <a
              className={viewerClasses.button}
              href={`${drawing.picture_url}?download=true`}
              download
              aria-label={t("picture.download")}
              title={t("picture.download")}
            >
              <IconDownload stroke={1.5} />
            </a>
            <button
              type="button"
              className={viewerClasses.button}
              aria-label={t("picture.remove")}
              title={t("picture.remove")}
              onClick={() => handleRemove(drawing)}
            >
              <IconTrash stroke={1.5} />
            </button>
            <button
              type="button"
              className={viewerClasses.button}
              aria-label={t("picture.tell")}
              title={t("picture.tell")}
              aria-pressed={isTelling}
              onClick={() => setIsTelling(!isTelling)}
            >
              <IconInfoCircle stroke={1.5} />
            </button>
          </>
        );
      }}
      panel={(_, { row, column }) => {
        const drawing = at(row, column);
        return drawing === undefined || !isTelling ? null : (
          <Told drawing={drawing} samplers={samplers} schedules={schedules} onUse={onUse} />
        );
      }}
    />
  );
}

interface ToldProps {
  readonly drawing: Drawing;
  readonly samplers: ReadonlyMap<string, string>;
  readonly schedules: ReadonlyMap<string, string>;
  readonly onUse: (drawing: Drawing) => void;
}

function Told({ drawing, samplers, schedules, onUse }: ToldProps) {
  const { t, i18n } = useTranslation("drawings");
  const { settings } = drawing;
  const number = (value: number) => formatNumber(value, i18n.language, 2);
  const facts: [string, string][] = [
    [t("form.baseModel"), drawing.base_model_name],
    [t("lora.title"), drawing.loras.map((one) => `${one.name} ${number(one.weight)}`).join(", ")],
    [t("size.title"), t("size.size", { width: settings.width, height: settings.height })],
    [t("form.sampler"), samplers.get(settings.sampler) ?? settings.sampler],
    [t("form.schedule"), schedules.get(settings.schedule_type) ?? settings.schedule_type],
    [t("form.steps"), number(settings.steps)],
    [t("form.cfg"), number(settings.cfg)],
    [t("form.seed"), String(drawing.seed)],
    [t("form.clipSkip"), number(settings.clip_skip)],
    [t("picture.when"), formatDateTime(drawing.created_at, i18n.language)],
  ];
  return (
    <div className={classes.told}>
      <section>
        <h2>{t("form.prompt")}</h2>
        <p>{drawing.prompt}</p>
      </section>
      {settings.negative_prompt !== "" && (
        <section>
          <h2>{t("form.negative")}</h2>
          <p>{settings.negative_prompt}</p>
        </section>
      )}
      <dl>
        {facts
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      <div className={classes.buttons}>
        <button type="button" className={classes.button} onClick={() => onUse(drawing)}>
          <IconAdjustmentsCheck size={18} stroke={1.5} aria-hidden />
          {t("picture.use")}
        </button>
        <CopyButton value={drawing.parameters}>
          {({ copied, copy }) => (
            <button type="button" className={classes.button} onClick={copy}>
              {copied ? <IconCheck size={18} aria-hidden /> : <IconCopy size={18} stroke={1.5} aria-hidden />}
              {copied ? t("picture.copied") : t("picture.copy")}
            </button>
          )}
        </CopyButton>
      </div>
    </div>
  );
}
