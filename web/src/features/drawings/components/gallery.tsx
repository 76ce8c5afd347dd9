/** All that was drawn, newest first: searched, looked at, taken along, put away with a way back (I6). */
import { Button, Checkbox, Group, Loader, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useIntersection } from "@mantine/hooks";
import { IconDownload, IconPhoto, IconSearch, IconTrash, IconX } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { clicked, nothingSelected } from "@/ui/picture-grid/selection";

import { drawingQueries, useDownloadDrawings, useRemoveDrawings } from "../queries";
import classes from "./gallery.module.css";
import type { OpenPictures } from "./request-view";

export interface GalleryProps {
  readonly onOpen: (open: OpenPictures) => void;
}

export function Gallery({ onOpen }: GalleryProps) {
  const { t } = useTranslation("drawings");
  const ui = useTranslation("ui").t;
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search.trim(), 250);
  const [selection, setSelection] = useState(nothingSelected);
  const gallery = useInfiniteQuery(drawingQueries.gallery({ search: asked, lora: null }));
  const drawings = (gallery.data?.pages ?? []).flatMap((page) => page.drawings);
  const order = drawings.map((one) => one.id);
  const selected = order.filter((id) => selection.ids.has(id));
  const { remove, restore } = useRemoveDrawings();
  const download = useDownloadDrawings();
  const handleRemove = () =>
    remove.mutate(selected, {
      onSuccess: ({ ids }) => {
        setSelection(nothingSelected);
        noticeDone(t("gallery.removed", { count: ids.length }), () => restore.mutate(ids, { onError: noticeFailure }));
      },
      onError: noticeFailure,
    });
  if (gallery.isError) return <ProblemNotice error={gallery.error} onRetry={() => void gallery.refetch()} />;
  if (gallery.isSuccess && drawings.length === 0 && asked === "")
    return (
      <EmptyState
        icon={<IconPhoto size={48} stroke={1.2} aria-hidden />}
        title={t("gallery.empty")}
        text={t("gallery.emptyText")}
      />
    );
  return (
    <Stack gap="sm">
      <TextInput
        type="search"
        maw={360}
        leftSection={<IconSearch size={16} stroke={1.5} aria-hidden />}
        aria-label={t("gallery.search")}
        placeholder={t("gallery.search")}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      {gallery.isPending && <Loader aria-label={ui("loading")} />}
      {gallery.isSuccess && drawings.length === 0 && <Text c="dimmed">{t("gallery.nothingFound")}</Text>}
      <div className={classes.grid} data-selecting={selected.length > 0}>
        {drawings.map((drawing, place) => (
          <div key={drawing.id} className={classes.tile} data-selected={selection.ids.has(drawing.id)}>
            <button
              type="button"
              className={classes.open}
              aria-label={t("picture.open", { seed: drawing.seed, prompt: drawing.prompt })}
              onClick={() => onOpen({ pictures: [drawings], row: 0, column: place })}
            >
              <img src={drawing.thumbnail_url} alt="" loading="lazy" decoding="async" />
            </button>
            <Checkbox
              className={classes.tick}
              aria-label={t("gallery.select", { seed: drawing.seed })}
              checked={selection.ids.has(drawing.id)}
              onChange={(event) => {
                const { shiftKey } = event.nativeEvent as unknown as MouseEvent;
                setSelection(clicked(selection, drawing.id, order, { shiftKey, ctrlKey: true }));
              }}
            />
          </div>
        ))}
      </div>
      <Further
        hasMore={gallery.hasNextPage}
        isLoading={gallery.isFetchingNextPage}
        onMore={() => void gallery.fetchNextPage()}
      />
      {selected.length > 0 && (
        <div className={classes.bar}>
          <Text size="sm" role="status">
            {t("gallery.selected", { count: selected.length })}
          </Text>
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              leftSection={<IconDownload size={16} stroke={1.5} aria-hidden />}
              loading={download.isPending}
              onClick={() => download.mutate(selected, { onError: noticeFailure })}
            >
              {t("gallery.download")}
            </Button>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconTrash size={16} stroke={1.5} aria-hidden />}
              loading={remove.isPending}
              onClick={handleRemove}
            >
              {ui("remove")}
            </Button>
            <Button
              size="xs"
              variant="subtle"
              color="gray"
              leftSection={<IconX size={16} stroke={1.5} aria-hidden />}
              onClick={() => setSelection(nothingSelected)}
            >
              {t("gallery.unselect")}
            </Button>
          </Group>
        </div>
      )}
    </Stack>
  );
}

interface FurtherProps {
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly onMore: () => void;
}

/** The end of the list: when it comes into view, the next page does too. */
function Further({ hasMore, isLoading, onMore }: FurtherProps) {
  const ui = useTranslation("ui").t;
  const { ref, entry } = useIntersection({ rootMargin: "600px" });
  const isSeen = entry?.isIntersecting === true;
  useEffect(() => {
    if (isSeen && hasMore && !isLoading) onMore();
  }, [isSeen, hasMore, isLoading, onMore]);
  if (!hasMore) return null;
  return (
    <Button ref={ref as never} variant="default" mx="auto" loading={isLoading} onClick={onMore}>
      {ui("more")}
    </Button>
  );
}
