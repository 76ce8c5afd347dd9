/** One option as an input, with its sentence, range, default, and what stands against its value. */
import { ActionIcon, Button, Group, Select, Stack, type SwitchProps, Text, Textarea, TextInput } from "@mantine/core";
import { IconArrowBackUp } from "@tabler/icons-react";
import { memo, useState } from "react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";

import { lazily } from "../lazily";
import { type OptionField, type OptionProblem, type OptionValue, parsed } from "./option-fields";

const OptionSwitch = lazily<SwitchProps>(async () => (await import("./option-switch")).OptionSwitch);

export interface OptionInputProps {
  readonly field: OptionField;
  readonly label: string;
  readonly help: string;
  readonly choiceText: (choice: string) => string;
  readonly value: OptionValue | undefined;
  /** What holds when nothing is set; may follow from other fields. */
  readonly byDefault: OptionValue | undefined;
  /** What is gone back to; unless given, the field's default. */
  readonly suited?: OptionValue | undefined;
  readonly problems: readonly OptionProblem[];
  readonly onChange: (value: OptionValue | undefined) => void;
  readonly onFix: (fix: Readonly<Record<string, OptionValue>>) => void;
}

/** Of a hundred inputs only the one that is typed into is drawn again; its callbacks may be those of any drawing. */
export const OptionInput = memo(OptionInputAlways, isSame);

function isSame(one: OptionInputProps, other: OptionInputProps): boolean {
  return (
    one.label === other.label &&
    one.help === other.help &&
    isEqual(one.field, other.field) &&
    isEqual(one.value, other.value) &&
    isEqual(one.byDefault, other.byDefault) &&
    isEqual(one.suited, other.suited) &&
    isEqual(one.problems, other.problems)
  );
}

function isEqual(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || JSON.stringify(one) === JSON.stringify(other);
}

function OptionInputAlways(props: OptionInputProps) {
  const { field, label, help, choiceText, value, byDefault, suited, problems, onChange, onFix } = props;
  const { t, i18n } = useTranslation("ui");
  const current = value === undefined ? (byDefault ?? field.default) : value;
  const range = rangeWords(field, t, i18n.language);
  const [typed, setTyped] = useState<string | null>(null);
  const isChanged = value !== undefined && JSON.stringify(value) !== JSON.stringify(suited ?? field.default);
  const error =
    problems.length > 0 ? problems.map((problem) => `${problem.message} ${problem.cure}`).join(" ") : undefined;
  const shared = { label, description: help, ...(error === undefined ? {} : { error }) };

  const handleType = (text: string) => {
    setTyped(text);
    if (text === "" && field.mayBeUnset) onChange(suited === undefined ? undefined : null);
    const next = parsed(field, text);
    if (next !== undefined) onChange(next);
  };
  const handleReset = () => {
    setTyped(null);
    onChange(undefined);
  };
  return (
    <Stack gap={4} data-option={field.path}>
      {input()}
      <Group gap={8} wrap="nowrap">
        {range !== "" && (
          <Text size="xs" c="dimmed">
            {range}
          </Text>
        )}
        {isChanged && (
          <ActionIcon
            size="sm"
            aria-label={`${label}: ${t("form.reset")}`}
            title={`${t("form.reset")} (${shown(suited ?? field.default, t("form.unset"))})`}
            onClick={handleReset}
          >
            <IconArrowBackUp size={16} stroke={1.5} />
          </ActionIcon>
        )}
        {problems.map((problem) =>
          problem.fix === undefined ? null : (
            <Button key={problem.message} size="compact-xs" variant="light" onClick={() => onFix(problem.fix ?? {})}>
              {t("form.fix")}
            </Button>
          ),
        )}
      </Group>
    </Stack>
  );

  function input() {
    if (field.type === "bool") {
      return (
        <OptionSwitch
          {...shared}
          checked={current === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    }
    if (field.choices.length > 0) {
      const data = field.choices.map((choice) => ({ value: String(choice), label: choiceText(String(choice)) }));
      const handleChoose = (chosen: string | null) => {
        if (chosen !== null) onChange(typeof field.choices[0] === "number" ? Number(chosen) : chosen);
      };
      return (
        <Select {...shared} data={data} value={current === null ? null : String(current)} onChange={handleChoose} />
      );
    }
    const text = typed ?? shown(current, "");
    if (field.type === "texts") {
      return (
        <Textarea
          {...shared}
          autosize
          minRows={2}
          maxRows={10}
          value={text}
          onChange={(event) => handleType(event.currentTarget.value)}
          onBlur={() => setTyped(null)}
        />
      );
    }
    const mode = field.type === "text" ? "text" : field.type === "int" ? "numeric" : "decimal";
    return (
      <TextInput
        {...shared}
        inputMode={mode}
        value={text}
        onChange={(event) => handleType(event.currentTarget.value)}
        onBlur={() => setTyped(null)}
      />
    );
  }
}

/** Such as "64 to 4096, in steps of 8"; empty where anything goes. */
function rangeWords(field: OptionField, t: TFunction<"ui">, language: string): string {
  const number = (value: number) =>
    Math.abs(value) > 0 && Math.abs(value) < 0.001 ? value.toExponential() : formatNumber(value, language, 3);
  if (field.type === "bool" || (field.low === null && field.high === null)) return "";
  const low = field.low === null ? "" : t(field.lowIsOpen ? "range.over" : "range.from", { low: number(field.low) });
  const high =
    field.high === null ? "" : t(field.highIsOpen ? "range.under" : "range.to", { high: number(field.high) });
  const step = field.step === null ? "" : t("range.step", { step: number(field.step) });
  return [low, high, step].filter((part) => part !== "").join(" ");
}

function shown(value: OptionValue | undefined, unset: string): string {
  if (value === null || value === undefined) return unset;
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 0.001)
    return value.toExponential().replace("e-0", "e-");
  return typeof value === "object" ? value.join("\n") : String(value);
}
