/** The pictures: one to work on, several to change together. */
import { Button, Group, Text } from "@mantine/core";
import { IconCheckbox } from "@tabler/icons-react";
import { type Dispatch, memo, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { useSize } from "@/lib/use-size";
import { PictureGrid } from "@/ui/picture-grid/picture-grid";

import { type Book, hasAny } from "../model/book";
import type { EditorAction, EditorState } from "../model/editor";
import classes from "./captions.module.css";

export interface PicturePaneProps {
  readonly book: Book;
  readonly order: readonly string[];
  readonly thumbs: ReadonlyMap<string, string>;
  readonly state: EditorState;
  readonly dispatch: Dispatch<EditorAction>;
  readonly maxHeight: number;
  readonly tileWidth: number;
  readonly onOpen: (id: string) => void;
}

export const PicturePane = memo(function PicturePane(props: PicturePaneProps) {
  const { book, order, thumbs, state, dispatch, maxHeight, tileWidth, onOpen } = props;
  const { t } = useTranslation("captions");
  const { ref, height: headHeight } = useSize<HTMLDivElement>();
  const names = useMemo(
    () => order.map((id) => ({ id, thumb: thumbs.get(id) ?? "", alt: book.byId.get(id)?.name ?? "" })),
    // Names do not change with captions.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [order, thumbs],
  );
  const numSelected = state.pictures.ids.size;
  const mark = (id: string) => {
    const caption = book.byId.get(id);
    if (state.tags.ids.size > 0)
      return hasAny(caption, state.tags.ids) ? <span className={classes.has}>{t("pictures.has")}</span> : null;
    return caption?.text.trim() === "" ? <span className={classes.bare}>{t("pictures.bare")}</span> : null;
  };
  return (
    <section className={classes.pictures} aria-label={t("pictures.label")}>
      <Group ref={ref} justify="space-between" gap={4} mb={4}>
        <Text size="sm" c="dimmed" role="status">
          {numSelected > 1
            ? t("pictures.selected", { count: numSelected })
            : state.filter === ""
              ? t("pictures.count", { count: order.length })
              : t("pictures.filtered", { count: order.length, total: book.order.length })}
        </Text>
        <Group gap={4}>
          <Button
            size="compact-xs"
            variant={state.isGathering ? "light" : "subtle"}
            color={state.isGathering ? "gunjo" : "gray"}
            aria-pressed={state.isGathering}
            leftSection={<IconCheckbox size={14} stroke={1.5} aria-hidden />}
            onClick={() => dispatch({ kind: "gather" })}
          >
            {t("pictures.gather")}
          </Button>
          {numSelected > 1 ? (
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => dispatch({ kind: "noPictures" })}>
              {t("pictures.none")}
            </Button>
          ) : (
            <Button
              size="compact-xs"
              variant="subtle"
              color="gray"
              onClick={() => dispatch({ kind: "allPictures", order })}
            >
              {t("pictures.all")}
            </Button>
          )}
        </Group>
      </Group>
      {order.length === 0 ? (
        <Text size="sm" c="dimmed" py="md">
          {t("pictures.noneFound")}
        </Text>
      ) : (
        <PictureGrid
          label={t("pictures.label")}
          pictures={names}
          selection={state.pictures}
          current={state.current}
          tileWidth={tileWidth}
          maxHeight={maxHeight - headHeight - 4}
          mark={mark}
          onCurrent={(id) => dispatch({ kind: "current", id })}
          onClick={(id, click) => dispatch({ kind: "picture", id, order, click })}
          onOpen={onOpen}
        />
      )}
    </section>
  );
});
