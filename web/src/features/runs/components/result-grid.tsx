/** Epochs × prompts at the same seed, with the file of each epoch; a click opens the viewer (B9, H2, H3). */
import { ActionIcon, Card, Group, Stack, Text, Title } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes } from "@/lib/format";
import { Viewer } from "@/ui/viewer/viewer";

import { sampleGrid } from "../model/sample-grid";
import { type Epoch, runQueries } from "../queries";
import classes from "./result-grid.module.css";

export interface ResultGridProps {
  readonly runId: string;
  /** What else can be done with an epoch, such as saving it to the library. */
  readonly tools: (epoch: Epoch) => ReactNode;
  /** What can be done with all of them. */
  readonly allTools?: ReactNode;
}

export function ResultGrid({ runId, tools, allTools }: ResultGridProps) {
  const { t, i18n } = useTranslation("runs");
  const samples = useQuery(runQueries.samples(runId)).data ?? [];
  const epochs = useQuery(runQueries.epochs(runId)).data ?? [];
  const [opened, setOpened] = useState<{ row: number; column: number } | null>(null);
  if (samples.length === 0 && epochs.length === 0) return null;
  const grid = sampleGrid(samples, epochs, (one) =>
    t("result.caption", { epoch: one.epoch, step: one.step, seed: one.seed, prompt: one.prompt }),
  );
  const download = (file: Epoch) => (
    <ActionIcon
      component="a"
      href={file.file_url}
      download
      aria-label={t("result.download", { name: file.filename })}
      title={`${file.filename} (${formatBytes(file.size_bytes, i18n.language)})`}
    >
      <IconDownload size={18} stroke={1.5} />
    </ActionIcon>
  );
  const fileAt = (step: number) => epochs.find((epoch) => epoch.step === step);
  const rows = grid.steps;
  return (
    <Card>
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            {t("result.title")}
          </Title>
          {allTools}
        </Group>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard (axe: scrollable-region-focusable) */}
        <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("result.title")}>
          <table className={classes.grid}>
            <thead>
              <tr>
                <th className={classes.head} scope="col">
                  {t("result.epoch")}
                </th>
                {grid.columns.map((column) => (
                  <th key={`${column.promptIndex}/${column.seed}`} className={classes.head} scope="col">
                    <Text size="sm" lineClamp={2} title={column.prompt}>
                      {column.prompt}
                    </Text>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, place) => {
                const file = fileAt(row.step);
                return (
                  <tr key={row.step}>
                    <th className={classes.head} scope="row">
                      <Text fw={600}>
                        {row.isExtra ? t("result.step", { step: row.step }) : t("result.number", { epoch: row.epoch })}
                      </Text>
                      {file !== undefined && (
                        <div className={classes.tools}>
                          {download(file)}
                          {tools(file)}
                        </div>
                      )}
                    </th>
                    {(grid.cells[place] ?? []).map((cell, column) => (
                      <td key={column}>
                        {cell !== undefined && (
                          <button
                            type="button"
                            className={classes.cell}
                            aria-label={cell.caption}
                            onClick={() => setOpened({ row: place, column })}
                          >
                            <img src={cell.src} alt="" loading="lazy" />
                          </button>
                        )}
                      </td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </Stack>
      {opened !== null && (
        <Viewer
          grid={grid.cells}
          row={opened.row}
          column={opened.column}
          onClose={() => setOpened(null)}
          tools={(_, state) => {
            const file = fileAt(rows[state.row]?.step ?? -1);
            return (
              file !== undefined && (
                <div className={classes.viewerTools}>
                  {download(file)}
                  {tools(file)}
                </div>
              )
            );
          }}
        />
      )}
    </Card>
  );
}
