/** Several LoRAs of one family with their weights, to be put together. */
import { ActionIcon, Group, NumberInput, Select, Stack, Switch, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { type Lora, loraQueries } from "../queries";

export interface Weighed {
  readonly id: string;
  readonly name: string;
  readonly weight: number;
  /** Of its layers in text encoders; null: as `weight`. */
  readonly textWeight: number | null;
}

export interface WeighedLorasProps {
  readonly family: string;
  readonly value: readonly Weighed[];
  readonly onChange: (value: readonly Weighed[]) => void;
}

export function WeighedLoras({ family, value, onChange }: WeighedLorasProps) {
  const { t } = useTranslation("loras");
  const others = useOthers(family, value);
  const isApart = value.some((one) => one.textWeight !== null);
  const change = (id: string, changed: Partial<Weighed>) =>
    onChange(value.map((each) => (each.id === id ? { ...each, ...changed } : each)));
  const handleApart = (apart: boolean) =>
    onChange(value.map((each) => ({ ...each, textWeight: apart ? each.weight : null })));
  return (
    <Stack gap="xs">
      {value.map((one) => (
        <Group key={one.id} gap="xs" wrap="nowrap">
          <Text flex={1} size="sm" lineClamp={1} title={one.name}>
            {one.name}
          </Text>
          <WeightInput
            label={t(isApart ? "tools.imageWeightOf" : "tools.weightOf", { name: one.name })}
            value={one.weight}
            onChange={(weight) => change(one.id, { weight })}
          />
          {isApart && (
            <WeightInput
              label={t("tools.textWeightOf", { name: one.name })}
              value={one.textWeight ?? one.weight}
              onChange={(textWeight) => change(one.id, { textWeight })}
            />
          )}
          <ActionIcon
            size={36}
            variant="subtle"
            color="gray"
            aria-label={t("tools.leaveOut", { name: one.name })}
            disabled={value.length === 1}
            onClick={() => onChange(value.filter((each) => each.id !== one.id))}
          >
            <IconX size={18} stroke={1.5} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
      <Select
        key={value.length}
        label={t("tools.addLora")}
        placeholder={others.length === 0 ? t("tools.noOther") : t("tools.choose")}
        disabled={others.length === 0}
        searchable
        data={others.map((one) => ({ value: one.id, label: one.name }))}
        onChange={(id) => {
          const added = others.find((one) => one.id === id);
          if (added !== undefined)
            onChange([...value, { id: added.id, name: added.name, weight: 1, textWeight: isApart ? 1 : null }]);
        }}
      />
      <Switch
        label={t("tools.apart")}
        description={isApart ? t("tools.apartHelp") : undefined}
        checked={isApart}
        onChange={(event) => handleApart(event.currentTarget.checked)}
      />
    </Stack>
  );
}

function WeightInput(props: {
  readonly label: string;
  readonly value: number;
  readonly onChange: (weight: number) => void;
}) {
  return (
    <NumberInput
      w={96}
      aria-label={props.label}
      value={props.value}
      min={-4}
      max={4}
      step={0.1}
      decimalScale={3}
      onChange={(weight) => typeof weight === "number" && props.onChange(weight)}
    />
  );
}

/** The other LoRAs of the family. */
export function useOthers(family: string, without: readonly { readonly id: string }[]): readonly Lora[] {
  const all = useQuery(loraQueries.all()).data ?? [];
  return all.filter((one) => one.family === family && !without.some((each) => each.id === one.id));
}
