/** The base model: a pull-down of the usable ones, and a dialog with all of them (C1, C2). */
import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { lazily } from "@/ui/lazily";

import { chosenModel } from "../model/choice";
import { baseModelQueries } from "../queries";
import { BaseModelBadges } from "./base-model-badges";
import { FamilyMark } from "./family-mark";

const BaseModelDialog = lazily(async () => (await import("./base-model-dialog")).BaseModelDialog);

export interface BaseModelPickerProps {
  readonly value: string;
  readonly onChange: (id: string) => void;
}

export function BaseModelPicker({ value, onChange }: BaseModelPickerProps) {
  const { t } = useTranslation("base_models");
  const [isOpen, setIsOpen] = useState(false);
  const [wasOpened, setWasOpened] = useState(false);
  const models = useQuery(baseModelQueries.list());
  // One beyond the first hundred is asked for by its id.
  const listed = chosenModel(models.data?.base_models ?? [], value);
  const single = useQuery({
    ...baseModelQueries.detail(value),
    enabled: models.isSuccess && listed === undefined,
    retry: false,
  });
  const chosen = listed ?? single.data;
  const all = models.data?.base_models ?? [];
  const offered = all.filter((model) => model.can_train || model.id === chosen?.id);
  const families = new Map([...offered, ...(chosen === undefined ? [] : [chosen])].map((one) => [one.id, one.family]));
  const listedIds = new Set(offered.map((model) => model.id));
  const handleMore = () => {
    setWasOpened(true);
    setIsOpen(true);
  };
  if (models.isError) return <ProblemNotice error={models.error} onRetry={() => void models.refetch()} />;
  return (
    <Stack gap="xs">
      <Group align="end" wrap="nowrap" gap="xs">
        <Select
          flex={1}
          label={t("picker.label")}
          placeholder={models.isPending ? t("picker.loading") : t("picker.choose")}
          data={[
            ...(chosen === undefined || listedIds.has(chosen.id) ? [] : [{ value: chosen.id, label: chosen.name }]),
            ...offered.map((model) => ({ value: model.id, label: model.name })),
          ]}
          value={chosen?.id ?? null}
          allowDeselect={false}
          leftSection={chosen === undefined ? undefined : <FamilyMark family={chosen.family} size={22} />}
          renderOption={({ option }) => (
            <Group gap="xs" wrap="nowrap">
              <FamilyMark family={families.get(option.value) ?? ""} size={24} />
              <span>{option.label}</span>
            </Group>
          )}
          onChange={(id) => {
            if (id !== null) onChange(id);
          }}
        />
        <Button variant="default" onClick={handleMore}>
          {t("picker.more")}
        </Button>
      </Group>
      {chosen !== undefined && (
        <Group gap="xs">
          <BaseModelBadges model={chosen} />
          {!chosen.can_train && (
            <Text size="sm" c="shu">
              {chosen.why_not}
            </Text>
          )}
        </Group>
      )}
      {chosen === undefined && single.isError && (
        <Text size="sm" c="shu">
          {t("picker.gone")}
        </Text>
      )}
      {wasOpened && (
        <BaseModelDialog
          isOpen={isOpen}
          chosen={chosen?.id ?? ""}
          onChoose={(id) => {
            onChange(id);
            setIsOpen(false);
          }}
          onClose={() => setIsOpen(false)}
        />
      )}
    </Stack>
  );
}
