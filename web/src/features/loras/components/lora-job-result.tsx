/** What a comparison or a resize found: one sentence, and a table by block for who wants to know where. */
import { Loader, Modal, Progress, ScrollArea, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { byBlock, type ComparedLayer, keptOf, type ResizedLayer, together, wordOf } from "../model/compared";
import { toolQueries } from "../tool-queries";

export function LoraJobResult({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const { data: job, error, refetch } = useQuery(toolQueries.job(id));
  const layers: unknown = job?.result["layers"];
  return (
    <Modal
      opened
      size="lg"
      onClose={onClose}
      title={t(job?.tool === "resize" ? "tools.keptTitle" : "tools.comparedTitle")}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      {error !== null && <ProblemNotice error={error} onRetry={() => void refetch()} />}
      {job === undefined && error === null && <Loader aria-label={ui("loading")} />}
      {job?.tool === "compare" && (
        <Compared names={job.loras.map((one) => one.name)} layers={layers as readonly ComparedLayer[]} />
      )}
      {job?.tool === "resize" && <Kept layers={layers as readonly ResizedLayer[]} />}
    </Modal>
  );
}

function Compared(props: { readonly names: readonly string[]; readonly layers: readonly ComparedLayer[] }) {
  const { t, i18n } = useTranslation("loras");
  const [a = "", b = ""] = props.names;
  const whole = together(props.layers);
  const percent = (value: number) => `${formatNumber(Math.round(100 * value) + 0, i18n.language)} %`;
  const size = (value: number) => formatNumber(value, i18n.language, 2);
  return (
    <Stack>
      <Text>{t(`tools.alike.${wordOf(whole.likeness)}`, { a, b, percent: percent(whole.likeness) })}</Text>
      <Text size="sm" c="dimmed">
        {t("tools.comparedHelp")}
      </Text>
      <ScrollArea>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("tools.block")}</Table.Th>
              <Table.Th>{t("tools.likeness")}</Table.Th>
              <Table.Th>{a}</Table.Th>
              <Table.Th>{b}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {byBlock(props.layers).map((one) => (
              <Table.Tr key={one.block}>
                <Table.Td>
                  {typeof one.block === "number"
                    ? t("tools.blockNumber", { number: one.block })
                    : t(`tools.blocks.${one.block}`)}
                </Table.Td>
                <Table.Td miw={110}>
                  <Text size="sm">{percent(one.likeness)}</Text>
                  <Progress value={Math.max(0, 100 * one.likeness)} size="sm" aria-hidden />
                </Table.Td>
                <Table.Td>{size(one.normA)}</Table.Td>
                <Table.Td>{size(one.normB)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
    </Stack>
  );
}

function Kept({ layers }: { readonly layers: readonly ResizedLayer[] }) {
  const { t, i18n } = useTranslation("loras");
  const kept = keptOf(layers);
  const percent = (value: number) => `${formatNumber(100 * value, i18n.language, 1)} %`;
  return (
    <Stack gap="xs">
      <Text>{t("tools.kept", { mean: percent(kept.mean), least: percent(kept.least) })}</Text>
      <Text size="sm" c="dimmed">
        {t("tools.keptRanks", {
          before: kept.before,
          after: kept.lowest === kept.highest ? `${kept.highest}` : `${kept.lowest}–${kept.highest}`,
        })}
      </Text>
    </Stack>
  );
}
