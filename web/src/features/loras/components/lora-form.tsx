/** What a person calls a LoRA and notes about it; the file stays as it is. */
import { Button, Card, Group, NumberInput, SimpleGrid, Stack, Textarea, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { LeaveGuard } from "@/ui/leaving/leave-guard";

import { type LoraChange, type LoraInFull, useChangeLora } from "../queries";

type Texts = Required<{ [Name in keyof LoraChange]: NonNullable<LoraChange[Name]> }>;

export function LoraForm({ lora }: { readonly lora: LoraInFull }) {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const change = useChangeLora(lora.id);
  const [typed, setTyped] = useState<Partial<Texts>>({});
  const { name, trigger, notes, negative, preferred_weight } = lora;
  const shown: Texts = { name, trigger, notes, negative, preferred_weight, ...typed };
  const changed = Object.fromEntries(
    Object.entries(typed).filter(([field, value]) => value !== lora[field as keyof Texts]),
  ) as Partial<Texts>;
  const isChanged = Object.keys(changed).length > 0;
  const set = <Name extends keyof Texts>(field: Name, value: Texts[Name]) => setTyped({ ...typed, [field]: value });
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    change.mutate(changed, {
      onSuccess: () => {
        setTyped({});
        noticeDone(t("form.saved"));
      },
      onError: noticeFailure,
    });
  };
  return (
    <Card component="form" onSubmit={handleSubmit as never}>
      <LeaveGuard isUnsaved={isChanged} />
      <Stack gap="sm">
        <TextInput
          label={t("form.name")}
          description={t("form.nameHelp", { name: shown.name })}
          maxLength={100}
          required
          value={shown.name}
          onChange={(event) => set("name", event.currentTarget.value)}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label={t("form.trigger")}
            description={t("form.triggerHelp")}
            value={shown.trigger}
            onChange={(event) => set("trigger", event.currentTarget.value)}
          />
          <NumberInput
            label={t("form.weight")}
            description={t("form.weightHelp")}
            min={0}
            max={2}
            step={0.05}
            decimalScale={2}
            value={shown.preferred_weight}
            onChange={(value) => set("preferred_weight", typeof value === "number" ? value : 0)}
          />
        </SimpleGrid>
        <TextInput
          label={t("form.negative")}
          description={t("form.negativeHelp")}
          value={shown.negative}
          onChange={(event) => set("negative", event.currentTarget.value)}
        />
        <Textarea
          label={t("form.notes")}
          autosize
          minRows={3}
          maxRows={12}
          value={shown.notes}
          onChange={(event) => set("notes", event.currentTarget.value)}
        />
        <Group justify="end" gap="xs">
          {isChanged && (
            <Button variant="subtle" color="gray" onClick={() => setTyped({})}>
              {ui("cancel")}
            </Button>
          )}
          <Button type="submit" disabled={!isChanged} loading={change.isPending}>
            {ui("save")}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
