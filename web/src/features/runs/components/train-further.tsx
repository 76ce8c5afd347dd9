/** Choose the pictures on which a LoRA is trained further; the recipe is then looked at on their page (G7). */
import { Alert, Button, Group, Loader, Modal, Radio, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { datasetQueries } from "@/features/datasets/public";
import { noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import type { OptionValues } from "@/ui/option-form/option-fields";

import { keepDraft, storedDraft } from "../draft-store";
import { hasOwn } from "../model/draft";

/** More of them are looked for by name. */
const SEEN_AT_ONCE = 8;

export interface TrainFurtherProps {
  /** What the LoRA is called. */
  readonly name: string;
  /** The dataset that it was trained on, if that is known; it may have been deleted since. */
  readonly datasetId?: string | undefined;
  /** The recipe to begin with, asked for when a dataset was chosen. */
  readonly recipe: () => Promise<OptionValues>;
  readonly onClose: () => void;
}

export function TrainFurther({ name, datasetId, recipe, onClose }: TrainFurtherProps) {
  const { t } = useTranslation("runs");
  const ui = useTranslation("ui").t;
  const navigate = useNavigate();
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search.trim(), 250);
  const datasets = useQuery({ ...datasetQueries.list(asked), placeholderData: keepPreviousData });
  const trained = useQuery({
    ...datasetQueries.detail(datasetId ?? ""),
    enabled: datasetId !== undefined,
    retry: false,
  });
  const [picked, setPicked] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const found = datasets.data?.datasets ?? [];
  const own = asked === "" ? trained.data : undefined;
  // The one that it was trained on comes first, however old it is.
  const offered = own === undefined ? found : [own, ...found.filter((one) => one.id !== own.id)];
  const numLeft = (datasets.data?.total ?? 0) - found.length;
  const isPending = datasets.isPending || trained.isLoading;
  const chosen = picked ?? (isPending ? undefined : offered[0]?.id);
  const handleGo = () => {
    if (chosen === undefined) return;
    setIsBusy(true);
    recipe()
      .then((values) => {
        keepDraft(chosen, values);
        void navigate({ to: `/datasets/${chosen}` as never });
      }, noticeFailure)
      .finally(() => setIsBusy(false));
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("further.title", { name })}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <Stack>
        <Text size="sm">{t("further.help")}</Text>
        {((datasets.data?.total ?? 0) > SEEN_AT_ONCE || search !== "") && (
          <TextInput
            aria-label={t("further.search")}
            placeholder={t("further.search")}
            value={search}
            onChange={(event) => {
              setSearch(event.currentTarget.value);
              setPicked(null);
            }}
          />
        )}
        {isPending && <Loader size="sm" aria-label={t("further.pictures")} />}
        {datasets.isError && <ProblemNotice error={datasets.error} />}
        {datasets.isSuccess && offered.length === 0 && (
          <Text size="sm">{t(asked === "" ? "further.none" : "further.notFound")}</Text>
        )}
        {offered.length > 0 && (
          <Radio.Group label={t("further.pictures")} value={chosen ?? null} onChange={setPicked}>
            <ScrollArea.Autosize mah={280} mt="xs">
              <Stack gap="xs">
                {offered.map((one) => (
                  <Radio
                    key={one.id}
                    value={one.id}
                    label={one.name}
                    description={
                      one.id === datasetId
                        ? t("further.same", { count: one.num_pictures })
                        : t("further.count", { count: one.num_pictures })
                    }
                  />
                ))}
                {numLeft > 0 && (
                  <Text size="xs" c="dimmed">
                    {t("further.more", { count: numLeft })}
                  </Text>
                )}
              </Stack>
            </ScrollArea.Autosize>
          </Radio.Group>
        )}
        {chosen !== undefined && hasOwn(storedDraft(chosen)) && <Alert color="odo">{t("further.replaces")}</Alert>}
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {ui("cancel")}
          </Button>
          <Button loading={isBusy} disabled={chosen === undefined} onClick={handleGo}>
            {t("further.go")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
