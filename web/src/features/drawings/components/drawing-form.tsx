/** Everything that a picture is drawn from (I2, I3): what the server offers for the base model, and nothing else. */
import { ActionIcon, Button, Group, Kbd, NumberInput, Select, Stack, Text, Textarea } from "@mantine/core";
import {
  IconColumns3,
  IconDice5,
  IconGridDots,
  IconHistory,
  IconPhotoSearch,
  IconPlayerPlay,
} from "@tabler/icons-react";
import { type Dispatch, useRef } from "react";
import { useTranslation } from "react-i18next";

import type { Lora } from "@/features/loras/public";
import { formatNumber } from "@/lib/format";
import { IS_MAC, shownKeys } from "@/ui/keys/actions";

import { chosenWay, type DrawingForm as Form, type FormStep } from "../model/form";
import { nameKey, promptLoras } from "../model/prompt-loras";
import type { FormOptions } from "../queries";
import classes from "./drawing-form.module.css";
import { LoraRows } from "./lora-rows";
import { PromptField } from "./prompt-field";
import { SizeField } from "./size-field";

export interface DrawingFormProps {
  readonly form: Form;
  readonly dispatch: Dispatch<FormStep>;
  readonly options: FormOptions | undefined;
  /** Those that fit the LoRAs of the prompt. */
  readonly baseModels: readonly { readonly id: string; readonly name: string }[];
  readonly loras: readonly Lora[];
  readonly lastSeed: number | null;
  readonly isBusy: boolean;
  readonly onDraw: () => void;
  readonly onCompare: (name: string) => void;
  readonly onGrid: () => void;
  readonly onAddLora: () => void;
  readonly onPicture: (file: File) => void;
}

export function DrawingForm(props: DrawingFormProps) {
  const { form, dispatch, options, baseModels, loras, isBusy, onDraw, onCompare, onGrid, onAddLora, onPicture } = props;
  const { t, i18n } = useTranslation("drawings");
  const file = useRef<HTMLInputElement>(null);
  const set = (values: Partial<Form>) => dispatch({ type: "set", values });
  const fitting = loras.filter((lora) => options === undefined || lora.family === options.family);
  const known = (name: string) => loras.find((one) => nameKey(one.name) === nameKey(name));
  const [first] = promptLoras(form.prompt).filter((one) => known(one.name) !== undefined);
  const chosen = baseModels.find((one) => one.id === form.baseModel || one.name === form.baseModel);
  const weights = (options?.comparison_weights ?? []).map((one) => formatNumber(one, i18n.language, 2)).join(" / ");
  return (
    <Stack gap="md">
      <Group align="end" wrap="nowrap" gap="xs">
        <Select
          flex={1}
          label={t("form.baseModel")}
          data={baseModels.map((model) => ({ value: model.id, label: model.name }))}
          value={chosen?.id ?? null}
          error={chosen === undefined && baseModels.length > 0 ? t("form.baseModelGone") : undefined}
          onChange={(id) => {
            if (id !== null) dispatch({ type: "base", id });
          }}
        />
        <input
          ref={file}
          type="file"
          accept="image/png,image/jpeg,image/webp"
          hidden
          onChange={(event) => {
            const [picture] = event.currentTarget.files ?? [];
            if (picture !== undefined) onPicture(picture);
            event.currentTarget.value = "";
          }}
        />
        <Button
          variant="default"
          px="sm"
          title={t("read.help")}
          leftSection={<IconPhotoSearch size={18} stroke={1.5} aria-hidden />}
          onClick={() => file.current?.click()}
        >
          {t("read.button")}
        </Button>
      </Group>
      <PromptField
        label={t("form.prompt")}
        description={t("form.promptHelp")}
        placeholder={t("form.promptPlaceholder")}
        value={form.prompt}
        loras={fitting}
        onChange={(prompt) => set({ prompt })}
      />
      <LoraRows
        prompt={form.prompt}
        loras={loras}
        options={options}
        onWeigh={(name, weight) => dispatch({ type: "weigh", name, weight })}
        onRemove={(name) => dispatch({ type: "remove", name, trigger: known(name)?.trigger ?? "" })}
        onCompare={onCompare}
        onAdd={onAddLora}
      />
      <Textarea
        label={t("form.negative")}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        value={form.negative}
        onChange={(event) => set({ negative: event.currentTarget.value })}
      />
      {options !== undefined && (
        <SizeField
          width={form.width}
          height={form.height}
          options={options}
          onChange={set}
          onFlip={() => dispatch({ type: "flip" })}
        />
      )}
      {options !== undefined && <Numbers {...props} options={options} />}
      <div className={classes.foot}>
        <Group gap="xs" grow preventGrowOverflow={false} wrap="nowrap">
          <Button
            size="md"
            leftSection={<IconPlayerPlay size={20} stroke={1.5} aria-hidden />}
            rightSection={
              <Kbd size="xs" visibleFrom="sm" aria-hidden>
                {shownKeys("mod+Enter", IS_MAC)}
              </Kbd>
            }
            loading={isBusy}
            disabled={chosen === undefined}
            onClick={onDraw}
          >
            {t("draw")}
          </Button>
          <Button
            size="md"
            variant="default"
            flex="0 1 auto"
            px="sm"
            leftSection={<IconColumns3 size={20} stroke={1.5} aria-hidden />}
            disabled={first === undefined || isBusy}
            title={first === undefined ? t("compare.needsLora") : t("compare.help", { name: first.name })}
            aria-label={t("compare.button", { weights })}
            onClick={() => onCompare(first?.name ?? "")}
          >
            {weights}
          </Button>
        </Group>
        <Group justify="space-between" gap="xs" mt={4} wrap="nowrap">
          <Text size="xs" c="dimmed">
            {first === undefined && t("compare.needsLora")}
          </Text>
          <Button
            size="compact-sm"
            variant="subtle"
            flex="none"
            leftSection={<IconGridDots size={16} stroke={1.5} aria-hidden />}
            disabled={options === undefined || fitting.length === 0 || isBusy}
            onClick={onGrid}
          >
            {t("grid.button")}
          </Button>
        </Group>
      </div>
    </Stack>
  );
}

function Numbers({
  form,
  dispatch,
  options,
  lastSeed,
}: DrawingFormProps & {
  readonly options: FormOptions;
}) {
  const { t } = useTranslation("drawings");
  const set = (values: Partial<Form>) => dispatch({ type: "set", values });
  const sampler = options.samplers.find((one) => one.value === (form.sampler ?? options.default_sampler));
  const number = (field: "steps" | "cfg" | "count", label: string) => (
    <NumberInput
      label={label}
      min={options[field].low}
      max={options[field].high}
      step={options[field].step}
      value={form[field]}
      onChange={(value) => {
        if (typeof value === "number") set({ [field]: value });
      }}
    />
  );
  return (
    <>
      <div className={classes.numbers}>
        <Select
          label={t("form.sampler")}
          data={options.samplers.map((one) => ({ value: one.value, label: one.title }))}
          value={sampler?.value ?? null}
          allowDeselect={false}
          onChange={(value) => {
            if (value !== null) set(chosenWay({ ...form, sampler: value }, options.samplers, options.default_sampler));
          }}
        />
        <Select
          label={t("form.schedule")}
          data={(sampler?.schedules ?? []).map((one) => ({ value: one.value, label: one.title }))}
          value={form.scheduleType}
          allowDeselect={false}
          disabled={sampler?.schedules.length === 1}
          onChange={(scheduleType) => {
            if (scheduleType !== null) set({ scheduleType });
          }}
        />
        {number("steps", t("form.steps"))}
        {number("cfg", t("form.cfg"))}
        {number("count", t("form.count"))}
        {options.clip_skip !== null && (
          <NumberInput
            label={t("form.clipSkip")}
            placeholder={t("form.clipSkipUnset")}
            min={options.clip_skip.low}
            max={options.clip_skip.high}
            value={form.clipSkip ?? ""}
            onChange={(value) => set({ clipSkip: typeof value === "number" ? value : null })}
          />
        )}
      </div>
      <Group gap="xs" align="end" wrap="nowrap">
        <NumberInput
          flex={1}
          label={t("form.seed")}
          placeholder={t("form.seedRandom")}
          min={0}
          max={options.seed.high}
          value={form.seed === -1 ? "" : form.seed}
          hideControls
          onChange={(value) => set({ seed: typeof value === "number" && value >= 0 ? value : -1 })}
        />
        <ActionIcon
          variant="default"
          size={36}
          aria-label={t("form.seedDice")}
          title={t("form.seedDice")}
          onClick={() => set({ seed: -1 })}
        >
          <IconDice5 size={20} stroke={1.5} />
        </ActionIcon>
        <ActionIcon
          variant="default"
          size={36}
          disabled={lastSeed === null}
          aria-label={t("form.seedReuse")}
          title={t("form.seedReuse")}
          onClick={() => set({ seed: lastSeed ?? -1 })}
        >
          <IconHistory size={20} stroke={1.5} />
        </ActionIcon>
      </Group>
    </>
  );
}
