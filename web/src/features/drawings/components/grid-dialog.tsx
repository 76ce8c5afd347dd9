/** A grid of LoRAs, weights and prompts at one seed, with a column without the LoRA, as one picture (I5). */
import { Button, Checkbox, Group, Modal, MultiSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconGridDots } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Lora } from "@/features/loras/public";
import { formatNumber } from "@/lib/format";

import type { ComparisonWish } from "../model/form";
import { firstLine, readGrid, type TypedGrid } from "../model/grid-wish";
import type { FormOptions } from "../queries";

export interface GridDialogProps {
  /** Those that fit the base model. */
  readonly loras: readonly Lora[];
  /** Names of those that are chosen at first. */
  readonly chosen: readonly string[];
  readonly prompt: string;
  readonly options: FormOptions;
  readonly onDraw: (wish: ComparisonWish) => void;
  readonly onClose: () => void;
}

export function GridDialog({ loras, chosen, prompt, options, onDraw, onClose }: GridDialogProps) {
  const { t, i18n } = useTranslation("drawings");
  const ui = useTranslation("ui").t;
  const [typed, setTyped] = useState<TypedGrid>({
    names: chosen,
    prompts: firstLine(prompt, chosen),
    weights: options.comparison_weights.join(", "),
    withoutLora: true,
  });
  const set = (values: Partial<TypedGrid>) => setTyped((before) => ({ ...before, ...values }));
  const read = readGrid(typed, options.weight);
  const most = options.count.high;
  const isTooMany = read.numPictures > most;
  const canDraw =
    typed.names.length > 0 && read.prompts.length > 0 && read.weights.length > 0 && read.odd.length === 0 && !isTooMany;
  return (
    <Modal opened onClose={onClose} title={t("grid.title")} size="lg" closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        <Text size="sm">{t("grid.help")}</Text>
        <MultiSelect
          label={t("grid.loras")}
          data={loras.map((lora) => lora.name)}
          value={[...typed.names]}
          onChange={(names) => set({ names })}
          searchable
          nothingFoundMessage={t("picker.none")}
          hidePickedOptions
        />
        <TextInput
          data-autofocus
          label={t("grid.weights")}
          description={t("grid.weightsHelp")}
          inputMode="text"
          value={typed.weights}
          error={read.odd.length > 0 && t("grid.weightsOdd", { odd: read.odd.join(", ") })}
          onChange={(event) => set({ weights: event.currentTarget.value })}
        />
        <Textarea
          label={t("grid.prompts")}
          description={t("grid.promptsHelp")}
          autosize
          minRows={3}
          maxRows={10}
          spellCheck={false}
          value={typed.prompts}
          onChange={(event) => set({ prompts: event.currentTarget.value })}
        />
        <Checkbox
          label={t("grid.withoutLora")}
          checked={typed.withoutLora}
          onChange={(event) => set({ withoutLora: event.currentTarget.checked })}
        />
        <Group justify="space-between">
          <Text size="sm" c={isTooMany ? "shu" : "dimmed"} role="status" style={{ fontVariantNumeric: "tabular-nums" }}>
            {isTooMany
              ? t("grid.tooMany", { count: read.numPictures, most: formatNumber(most, i18n.language) })
              : t("grid.count", { count: read.numPictures })}
          </Text>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              {ui("cancel")}
            </Button>
            <Button
              leftSection={<IconGridDots size={18} stroke={1.5} aria-hidden />}
              disabled={!canDraw}
              onClick={() =>
                onDraw({
                  names: typed.names,
                  prompts: read.prompts,
                  weights: read.weights,
                  withoutLora: typed.withoutLora,
                })
              }
            >
              {t("grid.draw")}
            </Button>
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
