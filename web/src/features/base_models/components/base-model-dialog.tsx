/** All base models with search, family filter and detail; what cannot be trained says why (C2). */
import { Badge, Button, Card, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes } from "@/lib/format";

import { familiesOf, usableFirst } from "../model/choice";
import { type BaseModel, baseModelQueries } from "../queries";

export interface BaseModelDialogProps {
  readonly isOpen: boolean;
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
  readonly onClose: () => void;
}

export function BaseModelDialog({ isOpen, chosen, onChoose, onClose }: BaseModelDialogProps) {
  const { t } = useTranslation("base_models");
  const [search, setSearch] = useState("");
  const [family, setFamily] = useState<string | null>(null);
  const [asked] = useDebouncedValue(search, 250);
  const found = useQuery({ ...baseModelQueries.list(asked), enabled: isOpen }).data?.base_models ?? [];
  const shown = usableFirst(found).filter((model) => family === null || model.family === family);
  return (
    <Modal opened={isOpen} onClose={onClose} size="lg" title={t("dialog.title")}>
      <Stack>
        <Group grow>
          <TextInput
            label={t("dialog.search")}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          <Select
            label={t("dialog.family")}
            placeholder={t("dialog.allFamilies")}
            clearable
            data={familiesOf(found)}
            value={family}
            onChange={setFamily}
          />
        </Group>
        {shown.length === 0 && <Text>{t("dialog.none")}</Text>}
        {shown.map((model) => (
          <ModelCard key={model.id} model={model} isChosen={model.id === chosen} onChoose={onChoose} />
        ))}
      </Stack>
    </Modal>
  );
}

interface ModelCardProps {
  readonly model: BaseModel;
  readonly isChosen: boolean;
  readonly onChoose: (id: string) => void;
}

function ModelCard({ model, isChosen, onChoose }: ModelCardProps) {
  const { t, i18n } = useTranslation("base_models");
  const facts = [
    model.prediction_type === "" ? "" : t("detail.prediction", { type: model.prediction_type }),
    model.short_hash === "" ? "" : t("detail.hash", { hash: model.short_hash }),
    formatBytes(model.size_bytes, i18n.language),
    model.licence === "" ? "" : t("detail.licence", { licence: model.licence }),
  ].filter((fact) => fact !== "");
  return (
    <Card withBorder>
      <Group justify="space-between" wrap="nowrap">
        <Stack gap={4}>
          <Group gap="xs">
            <Text fw={600}>{model.name}</Text>
            <Badge variant="light">{model.family_title}</Badge>
            {model.derivative !== "" && (
              <Badge variant="light" color="fuji">
                {model.derivative}
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {facts.join(" · ")}
          </Text>
          {!model.can_train && (
            <Text size="sm" c="shu">
              {model.why_not}
            </Text>
          )}
        </Stack>
        <Button variant="light" disabled={!model.can_train || isChosen} onClick={() => onChoose(model.id)}>
          {isChosen ? t("detail.chosen") : t("detail.choose")}
        </Button>
      </Group>
    </Card>
  );
}
