/** Choosing a LoRA by its picture: only those that fit the base model (C5). */
import { Modal, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Lora } from "@/features/loras/public";

import { nameKey } from "../model/prompt-loras";
import classes from "./drawing-form.module.css";

export interface LoraPickerProps {
  readonly isOpen: boolean;
  readonly loras: readonly Lora[];
  /** Of the library, those of other families. */
  readonly numOthers: number;
  readonly baseModel: string;
  readonly onChoose: (lora: Lora) => void;
  readonly onClose: () => void;
}

export function LoraPicker({ isOpen, loras, numOthers, baseModel, onChoose, onClose }: LoraPickerProps) {
  const { t } = useTranslation("drawings");
  const ui = useTranslation("ui").t;
  const [search, setSearch] = useState("");
  const wanted = nameKey(search);
  const shown = loras.filter((lora) => nameKey(`${lora.name} ${lora.trigger} ${lora.notes}`).includes(wanted));
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={t("picker.title")}
      closeButtonProps={{ "aria-label": ui("close") }}
      scrollAreaComponent={ScrollArea.Autosize}
    >
      <Stack gap="xs">
        <TextInput
          type="search"
          aria-label={t("picker.search")}
          placeholder={t("picker.search")}
          value={search}
          data-autofocus
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        {shown.length === 0 && <Text size="sm">{loras.length === 0 ? t("picker.empty") : t("picker.none")}</Text>}
        {shown.map((lora) => (
          <button key={lora.id} type="button" className={classes.picked} onClick={() => onChoose(lora)}>
            <span className={classes.thumb}>{lora.preview_url !== null && <img src={lora.preview_url} alt="" />}</span>
            <span style={{ minWidth: 0 }}>
              <Text fw={600} truncate>
                {lora.name}
              </Text>
              <Text size="xs" c="dimmed" truncate>
                {[lora.trigger, lora.base_model_name].filter((part) => part !== "").join(" · ")}
              </Text>
            </span>
          </button>
        ))}
        {numOthers > 0 && (
          <Text size="xs" c="dimmed">
            {t("picker.others", { count: numOthers, base: baseModel })}
          </Text>
        )}
      </Stack>
    </Modal>
  );
}
