/** Width and height: sizes that suit the base model at a press, any other by number. */
import { ActionIcon, Group, NumberInput, Stack, Text } from "@mantine/core";
import { IconArrowsExchange } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { FormOptions } from "../queries";
import classes from "./drawing-form.module.css";

export interface SizeFieldProps {
  readonly width: number | null;
  readonly height: number | null;
  readonly options: FormOptions;
  readonly onChange: (size: { width: number | null; height: number | null }) => void;
  readonly onFlip: () => void;
}

export function SizeField({ width, height, options, onChange, onFlip }: SizeFieldProps) {
  const { t } = useTranslation("drawings");
  const own = options.side.default ?? 512;
  const shown = { width: width ?? own, height: height ?? own };
  const side = (name: "width" | "height", label: string) => (
    <NumberInput
      flex={1}
      aria-label={label}
      min={options.side.low}
      max={options.side.high}
      step={options.side.step}
      value={shown[name]}
      onChange={(value) => {
        if (typeof value === "number") onChange({ width, height, [name]: value });
      }}
    />
  );
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>
        {t("size.title")}
      </Text>
      <div className={classes.sizes} role="group" aria-label={t("size.title")}>
        {options.sizes.map((size) => (
          <button
            key={`${size.width}x${size.height}`}
            type="button"
            className={classes.size}
            aria-pressed={size.width === shown.width && size.height === shown.height}
            onClick={() => onChange(size)}
          >
            <span className={classes.shape} style={shapeOf(size.width, size.height)} aria-hidden />
            {t("size.size", { width: size.width, height: size.height })}
          </button>
        ))}
      </div>
      <Group gap="xs" wrap="nowrap">
        {side("width", t("size.width"))}
        <ActionIcon size={36} aria-label={t("size.flip")} title={t("size.flip")} onClick={onFlip}>
          <IconArrowsExchange size={18} stroke={1.5} />
        </ActionIcon>
        {side("height", t("size.height"))}
      </Group>
    </Stack>
  );
}

function shapeOf(width: number, height: number) {
  const scale = 16 / Math.max(width, height);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}
