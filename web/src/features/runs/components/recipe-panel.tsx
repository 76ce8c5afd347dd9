/** The recipe, what it comes to as one types, and the start (F1 to F32, A4, A5). */
import { Alert, Badge, Button, Card, Group, List, Menu, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconBolt, IconChevronDown, IconPlayerPlay } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDuration, formatNumber } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { OptionForm } from "@/ui/option-form/option-form";
import { type OptionProblem, type OptionValue, type OptionValues, withValue } from "@/ui/option-form/option-fields";

import { optionTexts } from "../model/option-texts";
import { optionFields, type PlannedRun, runQueries, useSavePreset, useStartRun } from "../queries";

export interface RecipePanelProps {
  readonly datasetId: string;
  readonly revision: number;
  readonly values: OptionValues;
  readonly onChange: (values: OptionValues) => void;
  /** What chooses the base model; it lies in another feature. */
  readonly baseModel: ReactNode;
  readonly hasPictures: boolean;
}

export function RecipePanel({ datasetId, revision, values, onChange, baseModel, hasPictures }: RecipePanelProps) {
  const { t, i18n } = useTranslation("runs");
  const [asked] = useDebouncedValue(values, 300);
  const schema = useQuery(runQueries.fields()).data ?? [];
  const checked = useQuery(runQueries.check(asked));
  const check = checked.data;
  const isFine = check?.is_fine === true;
  // While the check of what was just typed is on its way, its answer is the one before; a plan waits for its own.
  const plan = useQuery({
    ...runQueries.plan(datasetId, asked, revision),
    enabled: isFine && !checked.isPlaceholderData && hasPictures,
  });
  const start = useStartRun();
  const navigate = useNavigate();
  const problems: OptionProblem[] = (check?.problems ?? []).map((one) => {
    const fix = one.fix as Record<string, OptionValue> | undefined;
    return {
      path: one.path,
      message: one.message,
      cure: one.cure,
      fix: fix !== undefined && Object.keys(fix).length > 0 ? fix : undefined,
    };
  });
  const fields = optionFields(schema).filter((field) => field.path !== "base_model");
  const handleStart = () =>
    start.mutate(
      { dataset_id: datasetId, recipe: { ...values }, name: "" },
      { onSuccess: (run) => void navigate({ to: `/runs/${run.id}` as never }), onError: noticeFailure },
    );
  const canStart =
    isFine &&
    plan.data !== undefined &&
    plan.data.can_train &&
    plan.data.is_affordable &&
    plan.data.over_limits.length === 0;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {t("recipe.title")}
        </Title>
        <PresetMenu values={values} onChange={onChange} />
      </Group>
      {baseModel}
      <OptionForm
        fields={fields}
        values={values}
        defaults={check?.recipe ?? {}}
        problems={problems}
        texts={optionTexts(i18n.language, schema)}
        onChange={onChange}
      />
      <Card bg="var(--enogu-sunken)" pos="sticky" bottom={8} style={{ zIndex: 5 }}>
        <Stack gap="sm">
          {!hasPictures && <Text>{t("plan.noPictures")}</Text>}
          {plan.isError && <ProblemNotice error={plan.error} />}
          {plan.data !== undefined && hasPictures && (
            <Outlook plan={plan.data} onFix={(changes) => onChange(applied(values, changes))} />
          )}
          <Button
            size="md"
            leftSection={<IconPlayerPlay size={20} stroke={1.5} aria-hidden />}
            loading={start.isPending}
            disabled={!canStart}
            onClick={handleStart}
          >
            {plan.data?.is_metered === true
              ? t("start.costs", { stamina: formatNumber(plan.data.quote.stamina, i18n.language) })
              : t("start.start")}
          </Button>
        </Stack>
      </Card>
    </Stack>
  );
}

function applied(values: OptionValues, changes: Record<string, unknown>): OptionValues {
  return Object.entries(changes).reduce(
    (all, [path, value]) => withValue(all, path, (value ?? undefined) as OptionValue | undefined),
    values,
  );
}

function Outlook({
  plan,
  onFix,
}: {
  readonly plan: PlannedRun;
  readonly onFix: (changes: Record<string, unknown>) => void;
}) {
  const { t, i18n } = useTranslation("runs");
  const number = (value: number) => formatNumber(value, i18n.language);
  const seen =
    plan.plan.seen_fewest === plan.plan.seen_most
      ? number(plan.plan.seen_most)
      : `${number(plan.plan.seen_fewest)}–${number(plan.plan.seen_most)}`;
  return (
    <Stack gap="xs">
      <List size="sm" spacing={2}>
        <List.Item>{t("plan.seen", { seen })}</List.Item>
        <List.Item>
          {t("plan.steps", {
            steps: number(plan.plan.num_steps),
            epochs: number(plan.plan.num_epochs),
            perEpoch: number(plan.plan.steps_per_epoch),
          })}
        </List.Item>
        <List.Item>
          {t("plan.files", {
            count: plan.plan.files.length,
            epochs: plan.plan.files.map((file) => file.epoch).join(", "),
          })}
        </List.Item>
        {plan.expected_seconds != null && (
          <List.Item>{t("plan.takes", { time: formatDuration(plan.expected_seconds, i18n.language) })}</List.Item>
        )}
        {plan.runs_ahead > 0 && <List.Item>{t("plan.ahead", { count: plan.runs_ahead })}</List.Item>}
      </List>
      {plan.is_metered && (
        <Group gap="xs">
          <Badge
            size="lg"
            variant="light"
            color={plan.is_affordable ? "gunjo" : "shu"}
            leftSection={<IconBolt size={14} aria-hidden />}
          >
            {t("plan.quote", { stamina: number(plan.quote.stamina), balance: number(plan.balance) })}
          </Badge>
        </Group>
      )}
      {!plan.can_train && <Alert color="shu">{plan.why_not}</Alert>}
      {plan.notes.map((note) => (
        <Text key={`${note.kind}${note.path}`} size="sm" c="dimmed">
          {note.message} {note.cure}
        </Text>
      ))}
      {plan.over_limits.map((problem) => (
        <Alert key={problem.path} color="odo">
          {problem.message} {problem.cure}
        </Alert>
      ))}
      {!plan.is_affordable && (
        <Alert color="odo" title={t("fit.title")}>
          <Stack gap="xs">
            {plan.proposals.map((one, place) => (
              <Group key={place} justify="space-between">
                <Text size="sm">
                  {one.left_out.length > 0
                    ? t("fit.leaveOut", { count: one.left_out.length })
                    : Object.entries(one.changes)
                        .map(([path, value]) => `${path} → ${String(value)}`)
                        .join(", ")}
                  {` (${number(one.stamina)})`}
                </Text>
                {Object.keys(one.changes).length > 0 && (
                  <Button size="compact-sm" variant="light" onClick={() => onFix(one.changes)}>
                    {t("fit.make")}
                  </Button>
                )}
              </Group>
            ))}
          </Stack>
        </Alert>
      )}
    </Stack>
  );
}

function PresetMenu({
  values,
  onChange,
}: {
  readonly values: OptionValues;
  readonly onChange: (values: OptionValues) => void;
}) {
  const { t } = useTranslation("runs");
  const presets = useQuery(runQueries.presets()).data ?? [];
  const save = useSavePreset();
  const [name, setName] = useState("");
  return (
    <Menu position="bottom-end" width={280}>
      <Menu.Target>
        <Button size="xs" variant="default" rightSection={<IconChevronDown size={16} stroke={1.5} aria-hidden />}>
          {t("preset.presets")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {presets.map((preset) => (
          <Menu.Item key={preset.id} onClick={() => onChange(preset.recipe)}>
            {preset.name}
            <Text size="xs" c="dimmed">
              {preset.purpose}
            </Text>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Group p="xs" wrap="nowrap">
          <TextInput
            size="xs"
            aria-label={t("preset.name")}
            placeholder={t("preset.name")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button
            size="xs"
            disabled={name.trim() === ""}
            loading={save.isPending}
            onClick={() =>
              save.mutate(
                { name, recipe: { ...values } },
                { onSuccess: () => noticeDone(t("preset.saved", { name })), onError: noticeFailure },
              )
            }
          >
            {t("preset.save")}
          </Button>
        </Group>
      </Menu.Dropdown>
    </Menu>
  );
}
