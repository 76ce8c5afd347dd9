/** Where a new dataset begins: its name, and the one button (B2). */
import { Button, Group, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeFailure } from "@/ui/feedback/notices";

import { useCreateDataset } from "../queries";

export function CreateDataset() {
  const { t } = useTranslation("datasets");
  const [name, setName] = useState("");
  const create = useCreateDataset();
  const navigate = useNavigate();
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    create.mutate(name.trim() === "" ? t("create.unnamed") : name, {
      onSuccess: (dataset) => void navigate({ to: `/datasets/${dataset.id}` as never }),
      onError: noticeFailure,
    });
  };
  return (
    <form onSubmit={handleSubmit}>
      <Group align="end" gap="sm">
        <TextInput
          style={{ flex: "1 1 160px" }}
          maw={320}
          aria-label={t("create.name")}
          placeholder={t("create.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" leftSection={<IconPlus size={18} stroke={1.5} aria-hidden />} loading={create.isPending}>
          {t("create.create")}
        </Button>
      </Group>
    </form>
  );
}
