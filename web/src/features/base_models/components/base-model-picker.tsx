/** The base model: a pull-down of the usable ones, and a dialog with all of them (C1, C2). */
import { Badge, Button, Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { chosenModel } from "../model/choice";
import { baseModelQueries } from "../queries";
import { BaseModelDialog } from "./base-model-dialog";

export interface BaseModelPickerProps {
  readonly value: string;
  readonly onChange: (id: string) => void;
}

export function BaseModelPicker({ value, onChange }: BaseModelPickerProps) {
  const { t } = useTranslation("base_models");
  const [isOpen, setIsOpen] = useState(false);
  const models = useQuery(baseModelQueries.list());
  const all = models.data?.base_models ?? [];
  const chosen = chosenModel(all, value);
  const offered = all.filter((model) => model.can_train || model.id === chosen?.id);
  if (models.isError) return <ProblemNotice error={models.error} onRetry={() => void models.refetch()} />;
  return (
    <Stack gap="xs">
      <Group align="end" wrap="nowrap">
        <Select
          flex={1}
          label={t("picker.label")}
          placeholder={models.isPending ? t("picker.loading") : t("picker.choose")}
          data={offered.map((model) => ({ value: model.id, label: model.name }))}
          value={chosen?.id ?? null}
          allowDeselect={false}
          onChange={(id) => {
            if (id !== null) onChange(id);
          }}
        />
        <Button variant="default" onClick={() => setIsOpen(true)}>
          {t("picker.more")}
        </Button>
      </Group>
      {chosen !== undefined && (
        <Group gap="xs">
          <Badge variant="light">{chosen.family_title}</Badge>
          {chosen.derivative !== "" && (
            <Badge variant="light" color="fuji">
              {chosen.derivative}
            </Badge>
          )}
          {!chosen.can_train && (
            <Text size="sm" c="shu">
              {chosen.why_not}
            </Text>
          )}
        </Group>
      )}
      <BaseModelDialog
        isOpen={isOpen}
        chosen={chosen?.id ?? ""}
        onChoose={(id) => {
          onChange(id);
          setIsOpen(false);
        }}
        onClose={() => setIsOpen(false)}
      />
    </Stack>
  );
}
