/** The LoRAs of the prompt, each with its weight from −1 to 2; what a slider does is written into the prompt (I2). */
import { ActionIcon, Button, Group, NumberInput, Slider, Stack, Text } from "@mantine/core";
import { IconBrush, IconColumns3, IconPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Lora } from "@/features/loras/public";

import { nameKey, promptLoras, promptTags } from "../model/prompt-loras";
import type { FormOptions } from "../queries";
import classes from "./drawing-form.module.css";

export interface LoraRowsProps {
  readonly prompt: string;
  readonly loras: readonly Lora[];
  readonly options: FormOptions | undefined;
  readonly onWeigh: (name: string, weight: number) => void;
  readonly onRemove: (name: string) => void;
  readonly onCompare: (name: string) => void;
  readonly onAdd: () => void;
}

const SLIDER = { low: -1, high: 2, step: 0.05 };

export function LoraRows({ prompt, loras, options, onWeigh, onRemove, onCompare, onAdd }: LoraRowsProps) {
  const { t } = useTranslation("drawings");
  const used = promptLoras(prompt);
  const odd = new Set(
    promptTags(prompt)
      .filter((tag) => tag.isOdd)
      .map((tag) => nameKey(tag.name)),
  );
  const trouble = (name: string, lora: Lora | undefined): string => {
    if (lora === undefined) return t("lora.unknown");
    if (options !== undefined && lora.family !== options.family)
      return t("lora.wrongFamily", { family: lora.family_title, base: options.base_model_name });
    return odd.has(nameKey(name)) ? t("lora.odd") : "";
  };
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text size="sm" fw={600}>
          {t("lora.title")}
        </Text>
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={16} stroke={1.5} aria-hidden />}
          disabled={used.length >= (options?.most_loras ?? used.length + 1)}
          onClick={onAdd}
        >
          {t("lora.add")}
        </Button>
      </Group>
      {used.map(({ name, weight }) => {
        const lora = loras.find((one) => nameKey(one.name) === nameKey(name));
        const problem = trouble(name, lora);
        return (
          <div key={nameKey(name)} className={classes.lora} data-troubled={problem !== ""} data-lora={name}>
            <span className={classes.thumb}>
              {lora?.preview_url == null ? (
                <IconBrush size={40} stroke={0.8} aria-hidden />
              ) : (
                <img src={lora.preview_url} alt="" />
              )}
            </span>
            <div>
              <Text size="sm" fw={600} truncate title={name}>
                {name}
              </Text>
              <Text size="xs" c={problem === "" ? "dimmed" : "odo"}>
                {problem === "" ? lora?.trigger : problem}
              </Text>
            </div>
            <Group gap={0} wrap="nowrap">
              {problem === "" && (
                <ActionIcon
                  size={36}
                  aria-label={t("lora.compare", { name })}
                  title={t("lora.compare", { name })}
                  onClick={() => onCompare(name)}
                >
                  <IconColumns3 size={18} stroke={1.5} />
                </ActionIcon>
              )}
              <ActionIcon
                size={36}
                aria-label={t("lora.remove", { name })}
                title={t("lora.remove", { name })}
                onClick={() => onRemove(name)}
              >
                <IconX size={18} stroke={1.5} />
              </ActionIcon>
            </Group>
            <div className={classes.weight}>
              <Slider
                min={SLIDER.low}
                max={SLIDER.high}
                step={SLIDER.step}
                marks={[{ value: 0 }, { value: 1 }]}
                label={null}
                thumbLabel={t("lora.weight", { name })}
                value={Math.min(SLIDER.high, Math.max(SLIDER.low, weight))}
                onChange={(value) => onWeigh(name, value)}
              />
              <NumberInput
                size="xs"
                aria-label={t("lora.weightAsNumber", { name })}
                min={options?.weight.low ?? SLIDER.low}
                max={options?.weight.high ?? SLIDER.high}
                step={SLIDER.step}
                decimalScale={2}
                value={weight}
                onChange={(value) => {
                  if (typeof value === "number") onWeigh(name, value);
                }}
              />
            </div>
          </div>
        );
      })}
    </Stack>
  );
}
