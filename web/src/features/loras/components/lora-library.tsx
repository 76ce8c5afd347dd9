/** All LoRAs of one's own as cards, with search, a filter by family, and the way in for files from elsewhere (I1, H3). */
import { Button, Group, Loader, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconBrush, IconFileZip, IconSearch, IconTransform, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { lazily } from "@/ui/lazily";

import { type Family, loraQueries } from "../queries";
import { LoraCard } from "./lora-card";
import { LoraJobs } from "./lora-jobs";
import classes from "./lora-library.module.css";
import { LoraUpload } from "./lora-upload";

const ExtractDialog = lazily(async () => (await import("./lora-tool-dialog")).ExtractDialog);

export function LoraLibrary() {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const [search, setSearch] = useState("");
  const [family, setFamily] = useState<Family | null>(null);
  const [asked] = useDebouncedValue(search.trim(), 250);
  const [isAdding, adding] = useDisclosure(false);
  const [isExtracting, extracting] = useDisclosure(false);
  const library = useInfiniteQuery(loraQueries.library({ search: asked, family }));
  const pages = library.data?.pages ?? [];
  const loras = pages.flatMap((page) => page.loras);
  const families = pages[0]?.families ?? [];
  const owned = families.reduce((sum, one) => sum + one.count, 0);
  const isEmpty = library.isSuccess && owned === 0;
  return (
    <Stack gap="lg">
      {!isEmpty && (
        <Group justify="space-between" gap="sm">
          <Group gap="sm" flex="1 1 320px">
            <TextInput
              type="search"
              flex="1 1 200px"
              maw={360}
              leftSection={<IconSearch size={16} stroke={1.5} aria-hidden />}
              aria-label={t("search")}
              placeholder={t("search")}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
            {families.length > 1 && (
              <SegmentedControl
                aria-label={t("family")}
                value={family ?? ""}
                onChange={(value) => setFamily(value === "" ? null : (value as Family))}
                data={[
                  { value: "", label: t("everyFamily", { count: owned }) },
                  ...families.map((one) => ({ value: one.family, label: `${one.title} ${one.count}` })),
                ]}
              />
            )}
          </Group>
          <Group gap="xs">
            <Button
              component="a"
              href="/api/loras.zip"
              download
              variant="subtle"
              color="gray"
              leftSection={<IconFileZip size={18} stroke={1.5} aria-hidden />}
            >
              {t("downloadAll")}
            </Button>
            <Button
              variant="subtle"
              color="gray"
              leftSection={<IconTransform size={18} stroke={1.5} aria-hidden />}
              onClick={extracting.open}
            >
              {t("tools.extract.button")}
            </Button>
            <Button
              variant="default"
              leftSection={<IconUpload size={18} stroke={1.5} aria-hidden />}
              aria-expanded={isAdding}
              onClick={adding.toggle}
            >
              {t("upload.button")}
            </Button>
          </Group>
        </Group>
      )}
      {isEmpty && (
        <EmptyState
          icon={<IconBrush size={48} stroke={1.2} aria-hidden />}
          title={t("empty.title")}
          text={t("empty.text")}
          action={
            <Button component={Link} to="/">
              {t("empty.toTraining")}
            </Button>
          }
        />
      )}
      {(isAdding || isEmpty) && <LoraUpload />}
      {isExtracting && <ExtractDialog onClose={extracting.close} />}
      <LoraJobs />
      {library.isError && <ProblemNotice error={library.error} onRetry={() => void library.refetch()} />}
      {library.isPending && <Loader aria-label={ui("loading")} />}
      {library.isSuccess && !isEmpty && loras.length === 0 && <Text c="dimmed">{t("nothingFound")}</Text>}
      <div className={classes.cards}>
        {loras.map((lora) => (
          <LoraCard key={lora.id} lora={lora} />
        ))}
      </div>
      {library.hasNextPage && (
        <Button
          variant="default"
          mx="auto"
          loading={library.isFetchingNextPage}
          onClick={() => void library.fetchNextPage()}
        >
          {ui("more")}
        </Button>
      )}
    </Stack>
  );
}
