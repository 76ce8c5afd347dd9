/** All tags of many pictures with their counts: search, sort, choose several, and change them everywhere (E1 to E3). */
import { Button, Group, Menu, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconChevronDown, IconFilter, IconPencil, IconTrash } from "@tabler/icons-react";
import { type Dispatch, memo, type Ref, useCallback, useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Selection } from "@/ui/picture-grid/selection";
import { type CloudTag, TagCloud } from "@/ui/tag-chips/tag-cloud";

import { type Counts } from "../model/book";
import type { EditorAction } from "../model/editor";
import { filterOf, type Joining } from "../model/filter";
import { type KnownTag, listed, type UnionSort, unionOf } from "../model/union";
import { TagAdder } from "./tag-adder";

const SORTS: Record<UnionSort, string> = {
  count: "captions:union.byCount",
  name: "captions:union.byName",
  category: "captions:union.byCategory",
};

export interface UnionPaneProps {
  readonly datasetId: string;
  readonly counts: Counts;
  readonly known: ReadonlyMap<string, KnownTag>;
  readonly trigger: string;
  readonly present: ReadonlySet<string>;
  readonly numPictures: number;
  readonly selection: Selection;
  readonly dispatch: Dispatch<EditorAction>;
  readonly searchRef: Ref<HTMLInputElement>;
  readonly maxHeight: number;
  readonly onDelete: () => void;
  readonly onRename: () => void;
  readonly onAdd: (tags: readonly string[]) => void;
  /** Enter: this tag into or out of the picture that is worked on. */
  readonly onToggle: (tag: string) => void;
  readonly onFilter: (filter: string, joining: Joining) => void;
}

export const UnionPane = memo(function UnionPane(props: UnionPaneProps) {
  const { datasetId, counts, known, trigger, present, numPictures, selection, dispatch, searchRef, maxHeight } = props;
  const { onDelete, onRename, onAdd, onToggle, onFilter } = props;
  const { t } = useTranslation("captions");
  const [sort, setSort] = useState<UnionSort>("count");
  const [search, setSearch] = useState("");
  const sought = useDeferredValue(search);
  const union = useMemo(() => unionOf(counts, known, trigger), [counts, known, trigger]);
  const tags = useMemo(() => listed(union, sort, sought), [union, sort, sought]);
  const shown = useMemo<CloudTag[]>(
    () => tags.map((tag) => ({ ...tag, note: tag.translation, kind: tag.category })),
    [tags],
  );
  const order = useMemo(() => tags.map((tag) => tag.key), [tags]);
  const chosen = union.filter((tag) => selection.ids.has(tag.key));
  const canChange = chosen.some((tag) => !tag.isTrigger);
  const handlePress = useCallback(
    (key: string, click: { readonly shiftKey: boolean; readonly ctrlKey: boolean }) =>
      dispatch({ kind: "tag", key, order, click }),
    [dispatch, order],
  );
  const handleAll = useCallback(() => dispatch({ kind: "allTags", order }), [dispatch, order]);
  const filterBy = (joining: Joining) =>
    onFilter(
      filterOf(
        chosen.map((tag) => tag.shown),
        joining,
      ),
      joining,
    );

  return (
    <Stack gap="xs" component="section" aria-label={t("union.label")}>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>{t("union.title", { count: union.length })}</Text>
        <Text size="sm" c="dimmed">
          {t("union.of", { count: numPictures })}
        </Text>
      </Group>
      <Group gap="xs" wrap="nowrap">
        <TextInput
          ref={searchRef}
          style={{ flex: 1, minWidth: 0 }}
          aria-label={t("union.search")}
          placeholder={t("union.search")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <Select
          w={130}
          aria-label={t("union.sort")}
          value={sort}
          onChange={(value) => value !== null && setSort(value)}
          data={(Object.keys(SORTS) as UnionSort[]).map((value) => ({ value, label: t(SORTS[value]) }))}
        />
      </Group>
      <Group gap="xs">
        <Button
          size="xs"
          color="shu"
          variant={canChange ? "filled" : "default"}
          disabled={!canChange}
          leftSection={<IconTrash size={16} stroke={1.5} aria-hidden />}
          onClick={onDelete}
        >
          {t("union.delete", { count: chosen.filter((tag) => !tag.isTrigger).length })}
        </Button>
        <Button
          size="xs"
          variant="default"
          disabled={!canChange}
          leftSection={<IconPencil size={16} stroke={1.5} aria-hidden />}
          onClick={onRename}
        >
          {t("union.rename")}
        </Button>
        <Menu position="bottom-start">
          <Menu.Target>
            <Button
              size="xs"
              variant="default"
              disabled={chosen.length === 0}
              leftSection={<IconFilter size={16} stroke={1.5} aria-hidden />}
              rightSection={<IconChevronDown size={14} stroke={1.5} aria-hidden />}
            >
              {t("union.filter")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => filterBy("all")}>{t("union.withAll")}</Menu.Item>
            <Menu.Item onClick={() => filterBy("any")}>{t("union.withAny")}</Menu.Item>
            <Menu.Item onClick={() => filterBy("none")}>{t("union.without")}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          disabled={chosen.length === 0}
          onClick={() => dispatch({ kind: "tags", keys: [] })}
        >
          {t("union.unselect")}
        </Button>
      </Group>
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed" py="md">
          {search === "" ? t("union.empty") : t("union.notFound")}
        </Text>
      ) : (
        <TagCloud
          label={t("union.label")}
          tags={shown}
          selection={selection}
          maxHeight={maxHeight}
          present={present}
          onPress={handlePress}
          onOpen={onToggle}
          onSelectAll={handleAll}
        />
      )}
      <TagAdder datasetId={datasetId} label={t("union.add", { count: numPictures })} onTags={onAdd} />
    </Stack>
  );
});
