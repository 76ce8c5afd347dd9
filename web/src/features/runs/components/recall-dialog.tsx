/** Recipes that were: earlier runs, presets, files of other trainers; what would change is said before it does (F32, F33). */
import {
  ActionIcon,
  Button,
  FileButton,
  Group,
  Loader,
  Modal,
  ScrollArea,
  Stack,
  Tabs,
  Text,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconTrash } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import type { OptionValues } from "@/ui/option-form/option-fields";

import { completedRecipe, runQueries, useDeletePreset, useImportRecipe, useSavePreset } from "../queries";
import type { Recipe } from "../use-recipe";
import classes from "./recall-dialog.module.css";
import { RecallDifferences } from "./recall-differences";

export interface Candidate {
  readonly key: string;
  readonly name: string;
  readonly recipe: OptionValues;
  /** Names and base model of the present draft stay. */
  readonly keepsNames: boolean;
}

export interface RecallDialogProps {
  readonly recipe: Recipe;
  readonly first?: string | undefined;
  readonly onTake: (recipe: OptionValues, keepsNames: boolean, name: string) => void;
  readonly onClose: () => void;
}

export function RecallDialog({ recipe, first, onTake, onClose }: RecallDialogProps) {
  const { t } = useTranslation("runs");
  const ui = useTranslation("ui").t;
  const [chosen, setChosen] = useState<Candidate | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t("recall.title")}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <Stack>
        <Tabs defaultValue="runs" keepMounted={false} onChange={() => setChosen(null)}>
          <Tabs.List>
            <Tabs.Tab value="runs">{t("recall.runs")}</Tabs.Tab>
            <Tabs.Tab value="presets">{t("preset.presets")}</Tabs.Tab>
            <Tabs.Tab value="files">{t("recall.files")}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="runs" pt="sm">
            <Runs first={first} chosen={chosen} onChoose={setChosen} />
          </Tabs.Panel>
          <Tabs.Panel value="presets" pt="sm">
            <Presets recipe={recipe} chosen={chosen} onChoose={setChosen} />
          </Tabs.Panel>
          <Tabs.Panel value="files" pt="sm">
            <Files recipe={recipe} onChoose={setChosen} />
          </Tabs.Panel>
        </Tabs>
        {chosen !== null && (
          <Stack gap="xs">
            <RecallDifferences recipe={recipe} candidate={chosen} />
            <Group justify="end">
              <Button onClick={() => onTake(chosen.recipe, chosen.keepsNames, chosen.name)}>{t("recall.take")}</Button>
            </Group>
          </Stack>
        )}
      </Stack>
    </Modal>
  );
}

interface ChoosingProps {
  readonly chosen: Candidate | null;
  readonly onChoose: (candidate: Candidate) => void;
}

function Runs({ first, chosen, onChoose }: ChoosingProps & { readonly first: string | undefined }) {
  const { t, i18n } = useTranslation("runs");
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, 250);
  const runs = useQuery(runQueries.search(asked));
  const client = useQueryClient();
  const handleChoose = (id: string, name: string) =>
    void client
      .fetchQuery(runQueries.recipe(id))
      .then((given) => completedRecipe(client, given))
      .then((recipe) => onChoose({ key: id, name, recipe, keepsNames: false }), noticeFailure);
  const choose = useEffectEvent(handleChoose);
  const named = useQuery({ ...runQueries.detail(first ?? ""), enabled: first !== undefined }).data?.name;
  useEffect(() => {
    if (first !== undefined && named !== undefined) choose(first, named);
  }, [first, named]);
  return (
    <Stack gap="xs">
      <TextInput
        aria-label={t("recall.search")}
        placeholder={t("recall.search")}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      {runs.isPending && <Loader size="sm" aria-label={t("recall.title")} />}
      {runs.data?.length === 0 && <Text size="sm">{t("recall.noRuns")}</Text>}
      <ScrollArea.Autosize mah={220}>
        {(runs.data ?? []).map((run) => (
          <UnstyledButton
            key={run.id}
            className={classes.row}
            data-chosen={run.id === chosen?.key}
            onClick={() => handleChoose(run.id, run.name)}
          >
            <Text fw={600} size="sm">
              {run.name}
            </Text>
            <Text size="xs" c="dimmed">
              {`${run.dataset_name} · ${run.base_model_name} · ${formatDateTime(run.created_at, i18n.language)}`}
            </Text>
          </UnstyledButton>
        ))}
      </ScrollArea.Autosize>
    </Stack>
  );
}

function Presets({ recipe, chosen, onChoose }: ChoosingProps & { readonly recipe: Recipe }) {
  const { t } = useTranslation("runs");
  const presets = useQuery(runQueries.presets()).data ?? [];
  const save = useSavePreset();
  const remove = useDeletePreset();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const handleChoose = ({ id: key, title, recipe: values }: (typeof presets)[number]) =>
    void completedRecipe(client, values, recipe.baseModel).then(
      (completed) => onChoose({ key, name: title, recipe: completed, keepsNames: true }),
      noticeFailure,
    );
  return (
    <Stack gap="xs">
      <ScrollArea.Autosize mah={220}>
        {presets.map((preset) => (
          <Group key={preset.id} wrap="nowrap" gap={4}>
            <UnstyledButton
              className={classes.row}
              data-chosen={preset.id === chosen?.key}
              onClick={() => handleChoose(preset)}
            >
              <Text fw={600} size="sm">
                {preset.title}
              </Text>
              <Text size="xs" c="dimmed">
                {preset.purpose}
              </Text>
              {preset.title !== preset.name && (
                <Text size="xs" c="dimmed" ff="monospace">
                  {preset.name}
                </Text>
              )}
            </UnstyledButton>
            {!preset.is_shipped && (
              <ActionIcon
                aria-label={t("preset.delete", { name: preset.name })}
                title={t("preset.delete", { name: preset.name })}
                onClick={() =>
                  remove.mutate(preset.id, {
                    onSuccess: () =>
                      noticeDone(t("preset.deleted", { name: preset.name }), () =>
                        save.mutate({ name: preset.name, recipe: preset.recipe }, { onError: noticeFailure }),
                      ),
                    onError: noticeFailure,
                  })
                }
              >
                <IconTrash size={16} stroke={1.5} />
              </ActionIcon>
            )}
          </Group>
        ))}
      </ScrollArea.Autosize>
      <Group wrap="nowrap">
        <TextInput
          flex={1}
          aria-label={t("preset.name")}
          placeholder={t("preset.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button
          variant="default"
          disabled={name.trim() === ""}
          loading={save.isPending}
          onClick={() =>
            save.mutate(
              { name, recipe: { ...recipe.values } },
              {
                onSuccess: () => {
                  setName("");
                  noticeDone(t("preset.saved", { name }));
                },
                onError: noticeFailure,
              },
            )
          }
        >
          {t("preset.save")}
        </Button>
      </Group>
    </Stack>
  );
}

function Files({ recipe, onChoose }: Pick<ChoosingProps, "onChoose"> & { readonly recipe: Recipe }) {
  const { t } = useTranslation("runs");
  const client = useQueryClient();
  const read = useImportRecipe();
  const handleFiles = (files: File[]) => {
    if (files.length === 0) return;
    void Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() }))).then((texts) =>
      read.mutate(texts, {
        onSuccess: (found) =>
          void completedRecipe(client, found.recipe, recipe.baseModel).then(
            (completed) => onChoose({ key: "files", name: files[0]?.name ?? "", recipe: completed, keepsNames: true }),
            noticeFailure,
          ),
        onError: noticeFailure,
      }),
    );
  };
  const remarks = (read.data?.remarks ?? []).filter((one) => one.words !== "");
  return (
    <Stack gap="xs">
      <Text size="sm">{t("recall.filesHelp")}</Text>
      <FileButton multiple accept=".json,.toml,.yaml,.yml,.txt" onChange={handleFiles}>
        {(props) => (
          <Button {...props} variant="default" loading={read.isPending} style={{ alignSelf: "start" }}>
            {t("recall.chooseFiles")}
          </Button>
        )}
      </FileButton>
      {remarks.length > 0 && (
        <ScrollArea.Autosize mah={160}>
          {remarks.map((one, at) => (
            <Text key={at} size="xs">
              <strong>{one.name}</strong> {one.words}
            </Text>
          ))}
        </ScrollArea.Autosize>
      )}
    </Stack>
  );
}
