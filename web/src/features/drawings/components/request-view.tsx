/** What was asked for: its pictures as they come, how far it is, and how to end it (I2, I5). */
import { ActionIcon, Alert, Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import { IconDownload, IconPlayerStop, IconRotateClockwise, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import type { ViewerGrid } from "@/ui/viewer/viewer-state";

import { sheetGrid } from "../model/sheet-grid";
import {
  type Drawing,
  drawingQueries,
  type DrawingRequest,
  OVER,
  type RequestInFull,
  useEndRequest,
  useFollowedRequest,
} from "../queries";
import classes from "./request-view.module.css";

/** How the server calls the column without the compared LoRA. */
const NO_LORA = "no LoRA";

export interface OpenPictures {
  readonly pictures: readonly (readonly (Drawing | undefined)[])[];
  readonly row: number;
  readonly column: number;
}

export interface RequestViewProps {
  readonly id: string;
  readonly onOpen: (open: OpenPictures) => void;
  readonly onClose?: (() => void) | undefined;
}

export function RequestView({ id, onOpen, onClose }: RequestViewProps) {
  const { t } = useTranslation("drawings");
  const answer = useQuery(drawingQueries.request(id));
  const request = answer.data;
  const isOver = request === undefined || OVER.includes(request.state);
  const isConnected = useFollowedRequest(id, isOver);
  if (answer.isError) return <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />;
  if (request === undefined) return null;
  const isComparison = request.sheet !== null;
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between" wrap="nowrap" align="start">
          <div>
            {request.sheet !== null && (
              <Text size="sm" fw={600}>
                {t("compare.titled", { title: request.sheet.title })}
              </Text>
            )}
            <Text size="sm" c="dimmed" lineClamp={2} title={request.prompt}>
              {request.prompt}
            </Text>
          </div>
          <Group gap={4} wrap="nowrap">
            {request.sheet?.is_ready === true && (
              <Button
                component="a"
                href={`/api/drawings/requests/${id}/sheet?download=true`}
                download
                size="compact-sm"
                variant="subtle"
                leftSection={<IconDownload size={16} stroke={1.5} aria-hidden />}
              >
                {t("compare.sheet")}
              </Button>
            )}
            {onClose !== undefined && (
              <ActionIcon aria-label={t("request.close")} title={t("request.close")} onClick={onClose}>
                <IconX size={18} stroke={1.5} />
              </ActionIcon>
            )}
          </Group>
        </Group>
        {!isConnected && <Alert color="odo">{t("request.reconnecting")}</Alert>}
        <RequestProgress request={request} />
        {isComparison ? <Sheet request={request} onOpen={onOpen} /> : <Pictures request={request} onOpen={onOpen} />}
      </Stack>
    </Card>
  );
}

/** One that waits behind the one that is shown. */
export function RequestLine({ request }: { readonly request: DrawingRequest }) {
  useFollowedRequest(request.id, OVER.includes(request.state));
  const full = useQuery(drawingQueries.request(request.id)).data;
  return (
    <Card padding="sm">
      <Text size="sm" lineClamp={1}>
        {request.prompt}
      </Text>
      <RequestProgress request={full ?? request} />
    </Card>
  );
}

export function RequestProgress({ request }: { readonly request: DrawingRequest }) {
  const { t } = useTranslation("drawings");
  const { cancel, goOn } = useEndRequest(request.id);
  const isEnded = request.state === "failed" || request.state === "cancelled";
  if (request.state === "done") return null;
  const share = (request.num_done + request.step / Math.max(1, request.num_steps)) / request.count;
  const words = {
    waiting: t("request.waiting", { count: request.ahead ?? 0 }),
    running: t("request.running", {
      done: request.num_done,
      count: request.count,
      step: request.step,
      steps: request.num_steps,
    }),
    cancelled: t("request.cancelled", { done: request.num_done, count: request.count }),
    failed: request.failure === null ? t("request.failed") : "",
  }[request.state];
  return (
    <Stack gap={6}>
      {request.failure !== null && (
        <Alert color="shu" title={t("request.failed")}>
          {request.failure.message} {request.failure.cure}
        </Alert>
      )}
      <div className={classes.line}>
        <Text size="sm" c="dimmed" flex={1} role="status" style={{ fontVariantNumeric: "tabular-nums" }}>
          {words}
        </Text>
        {isEnded ? (
          <Button
            size="compact-sm"
            variant="light"
            leftSection={<IconRotateClockwise size={16} stroke={1.5} aria-hidden />}
            loading={goOn.isPending}
            onClick={() => goOn.mutate(undefined, { onError: noticeFailure })}
          >
            {t("request.continue")}
          </Button>
        ) : (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlayerStop size={16} stroke={1.5} aria-hidden />}
            loading={cancel.isPending || request.is_cancel_asked}
            onClick={() => cancel.mutate(undefined, { onError: noticeFailure })}
          >
            {t("request.cancel")}
          </Button>
        )}
      </div>
      {!isEnded && <Progress value={share * 100} aria-label={words} animated={request.state === "running"} />}
    </Stack>
  );
}

function Pictures({
  request,
  onOpen,
}: {
  readonly request: RequestInFull;
  readonly onOpen: RequestViewProps["onOpen"];
}) {
  const { t } = useTranslation("drawings");
  const isOver = OVER.includes(request.state);
  const drawn = new Map(request.drawings.map((one) => [one.number, one]));
  const ratio = `${request.settings.width} / ${request.settings.height}`;
  return (
    <div className={classes.pictures} data-single={request.count === 1}>
      {request.cells.map((cell) => {
        const picture = drawn.get(cell.number);
        if (picture === undefined)
          return isOver ? null : (
            <div key={cell.number} className={classes.waiting} style={{ aspectRatio: ratio }}>
              {t("request.seed", { seed: cell.seed })}
            </div>
          );
        return (
          <button
            key={cell.number}
            type="button"
            className={classes.picture}
            style={{ aspectRatio: ratio }}
            aria-label={t("picture.open", { seed: picture.seed, prompt: picture.prompt })}
            onClick={() => onOpen({ pictures: [request.drawings], row: 0, column: request.drawings.indexOf(picture) })}
          >
            <img src={picture.picture_url} alt="" />
          </button>
        );
      })}
    </div>
  );
}

function Sheet({ request, onOpen }: { readonly request: RequestInFull; readonly onOpen: RequestViewProps["onOpen"] }) {
  const { t } = useTranslation("drawings");
  const sheet = request.sheet;
  if (sheet === null) return null;
  const isOneRow = sheet.rows.length === 1; // then the title says all
  const grid = sheetGrid(sheet.rows.length, sheet.columns.length, request.cells, request.drawings);
  const ratio = `${request.settings.width} / ${request.settings.height}`;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard (axe: scrollable-region-focusable)
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("compare.title")}>
      <table className={classes.sheet}>
        <thead>
          <tr>
            {!isOneRow && <td />}
            {sheet.columns.map((column) => (
              <th key={column} scope="col">
                {column === NO_LORA ? t("compare.without") : column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {grid.map((row, place) => (
            <tr key={sheet.rows[place]}>
              {!isOneRow && (
                <th scope="row">
                  <Text size="sm" lineClamp={6} title={sheet.rows[place]}>
                    {sheet.rows[place]}
                  </Text>
                </th>
              )}
              {row.map((picture, column) => (
                <td key={sheet.columns[column]}>
                  {picture === undefined ? (
                    <div className={classes.waiting} style={{ aspectRatio: ratio }} />
                  ) : (
                    <button
                      type="button"
                      className={classes.picture}
                      style={{ aspectRatio: ratio }}
                      aria-label={t("picture.open", { seed: picture.seed, prompt: sheet.columns[column] })}
                      onClick={() => onOpen({ pictures: grid, row: place, column })}
                    >
                      <img src={picture.picture_url} alt="" />
                    </button>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Drawings as the viewer wants them. */
export function viewerGrid(pictures: OpenPictures["pictures"], captionOf: (drawing: Drawing) => string): ViewerGrid {
  return pictures.map((row) =>
    row.map((one) =>
      one === undefined ? undefined : { src: one.picture_url, alt: one.prompt, caption: captionOf(one) },
    ),
  );
}
