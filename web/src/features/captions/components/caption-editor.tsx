/** The caption editor: pictures, this picture's tags, the union of all, and every command on them (E1 to E8). */
import { Button, Group, Loader, SegmentedControl, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { IconPhoto } from "@tabler/icons-react";
import { type ReactNode, useCallback, useDeferredValue, useMemo, useReducer, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { datasetQueries } from "@/features/datasets/public";
import { EmptyState } from "@/ui/feedback/empty-state";
import { noticeDone } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { useSteady } from "@/lib/use-steady";
import { useViewport } from "@/lib/use-viewport";
import { lazily } from "@/ui/lazily";
import { LeaveGuard } from "@/ui/leaving/leave-guard";

import { countTags, keysOf } from "../model/book";
import type { Command } from "../model/commands";
import { editorReducer, firstState, type Target, targetIds, targetOf, targets } from "../model/editor";
import { type Joining, narrowed } from "../model/filter";
import { keyOf } from "../model/tag";
import { captionQueries, useKnownTags } from "../queries";
import classes from "./captions.module.css";
import { CurrentPicture } from "./current-picture";
import { LIST_KEYS, useEditorActions } from "./use-editor-actions";
import { FilterBar } from "./filter-bar";
import { PicturePane } from "./picture-pane";
import type { Tool } from "./tool-dialogs";
import { ToolBar } from "./tool-bar";
import { UnionPane } from "./union-pane";
import { useCaptions } from "./use-captions";
import { useDrafts } from "./use-drafts";

const KeySheet = lazily(async () => (await import("@/ui/keys/key-sheet")).KeySheet);
const AdvisorPanel = lazily(async () => (await import("./advisor-panel")).AdvisorPanel);
const FedPanel = lazily(async () => (await import("./fed-panel")).FedPanel);
const HistoryPanel = lazily(async () => (await import("./history-panel")).HistoryPanel);
const SidePanel = lazily(async () => (await import("./side-panel")).SidePanel);
const VocabularyDialog = lazily(async () => (await import("./vocabulary-dialog")).VocabularyDialog);
const ToolDialog = lazily(async () => (await import("./tool-dialogs")).ToolDialog);
const LargePicture = lazily(async () => (await import("./large-picture")).LargePicture);

export type Panel = "advisor" | "fed" | "history" | "vocabulary" | "keys" | "picture";
type Opened = { readonly panel: Panel } | { readonly tool: Tool } | null;

export interface CaptionEditorProps {
  readonly datasetId: string;
  readonly recipe: Readonly<Record<string, unknown>>;
  /** The recipe's fields about captions, for the panel of what the trainer sees. */
  readonly captionOptions: ReactNode;
}

const TARGET_TEXTS: Record<Target, string> = {
  all: "captions:target.all",
  filtered: "captions:target.filtered",
  selected: "captions:target.selected",
};
const PANEL_TITLES: Record<string, string> = {
  advisor: "captions:advisor.title",
  fed: "captions:fed.title",
  history: "captions:history.title",
};

export function CaptionEditor({ datasetId, recipe, captionOptions }: CaptionEditorProps) {
  const { t } = useTranslation("captions");
  const { read, book, edit, undo, isSaving, canUndo, canRedo } = useCaptions(datasetId);
  const { drafts, step, saveAll } = useDrafts(book, edit);
  const known = useKnownTags(datasetId, book);
  const pictures = useQuery(datasetQueries.pictures(datasetId)).data?.pictures;
  const [state, dispatch] = useReducer(editorReducer, firstState);
  const matching = useQuery(captionQueries.matching(datasetId, state.filter));
  const [opened, setOpened] = useState<Opened>(null);
  const addField = useRef<HTMLInputElement>(null);
  const filterField = useRef<HTMLInputElement>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const viewport = useViewport();
  const isWide = useMediaQuery("(min-width: 62em)", undefined, { getInitialValueInEffect: false });

  const byId = useMemo(() => new Map(pictures?.map((picture) => [picture.id, picture])), [pictures]);
  const thumbs = useMemo(() => new Map(pictures?.map((picture) => [picture.id, picture.thumb_url])), [pictures]);
  const all = book?.order;
  const found = state.filter === "" || matching.isError ? undefined : matching.data?.picture_ids;
  const order = useMemo(() => {
    if (all === undefined) return [];
    if (found === undefined) return all;
    const there = new Set(found);
    return all.filter((id) => there.has(id));
  }, [all, found]);
  const target = targetOf(state);
  const ids = useMemo(() => targetIds(state, order), [order, state]);
  // What is typed at shows first: union, grid and buttons follow when nothing is waited for any more.
  const followingBook = useDeferredValue(book) ?? book;
  const counts = useMemo(() => {
    if (followingBook === undefined) return undefined;
    if (ids === null) return followingBook.counts;
    return countTags(ids.flatMap((id) => followingBook.byId.get(id) ?? []));
  }, [followingBook, ids]);

  const wanted = state.current;
  const currentId = wanted !== null && book?.byId.has(wanted) === true ? wanted : order[0];
  const caption = currentId === undefined ? undefined : book?.byId.get(currentId);
  const shownState = useMemo(
    () => (currentId === wanted ? state : { ...state, current: currentId ?? null }),
    [currentId, state, wanted],
  );
  const followingState = useDeferredValue(shownState);
  const followingCaption = useDeferredValue(caption);
  const present = useMemo(() => new Set(keysOf(followingCaption).keys()), [followingCaption]);
  const picture = currentId === undefined ? undefined : byId.get(currentId);
  const place = caption === undefined ? -1 : order.indexOf(caption.id);
  const src = picture?.cropped_url ?? picture?.file_url ?? "";
  const shownPicture = useMemo(() => ({ src, place, total: order.length }), [order.length, place, src]);

  const editCurrent = useCallback(
    (command: Command) => {
      if (currentId !== undefined) void edit(command, [currentId]);
    },
    [currentId, edit],
  );
  const walk = useCallback(
    (by: 1 | -1) => {
      if (currentId !== undefined && wanted === null) dispatch({ kind: "current", id: currentId });
      dispatch({ kind: "walk", by, order });
    },
    [currentId, order, wanted],
  );
  const editMany = useCallback(
    async (command: Command, forIds: readonly string[] | null) => {
      const done = await edit(command, forIds);
      if (done === undefined) return;
      const text = done.num_changed === 0 ? t("done.none") : t("done.changed", { count: done.num_changed });
      noticeDone(text, done.num_changed === 0 ? undefined : () => void undo());
    },
    [edit, t, undo],
  );
  const toggleTag = useCallback(
    (key: string) => {
      if (book === undefined || caption === undefined) return;
      const shown = known.get(key)?.shown ?? book.counts.get(key)?.shown ?? key;
      editCurrent(
        keysOf(caption).has(key)
          ? { kind: "delete", tags: [shown], with_trigger: false }
          : { kind: "add", tags: [shown], where: "last", anchor: "" },
      );
    },
    [book, caption, editCurrent, known],
  );
  const handleFilter = useCallback((filter: string) => dispatch({ kind: "filter", filter }), []);

  const chosenTags = () =>
    [...state.tags.ids].flatMap((key) => {
      const counted = book?.counts.get(key);
      const isTrigger = book !== undefined && book.trigger !== "" && keyOf(book.trigger) === key;
      return counted === undefined || isTrigger ? [] : [known.get(key)?.shown ?? counted.shown];
    });
  const openTool = useCallback((tool: Tool) => setOpened({ tool }), []);
  const openPanel = useCallback((panel: Panel) => setOpened({ panel }), []);
  const openPicture = useCallback(() => setOpened({ panel: "picture" }), []);
  const startOn = (kind: "delete" | "rename") => {
    const tags = chosenTags();
    if (tags.length > 0) openTool({ kind, tags });
  };
  const actions = useEditorActions({
    isFree: opened === null,
    canUndo,
    canRedo,
    hasTags: state.tags.ids.size > 0,
    undo: () => void undo(),
    redo: () => void undo(true),
    walk,
    add: () => addField.current?.focus(),
    filter: () => filterField.current?.focus(),
    search: () => searchField.current?.focus(),
    deleteTags: () => startOn("delete"),
    renameTags: () => startOn("rename"),
    clear: () => dispatch({ kind: "clear" }),
    replace: () => openTool({ kind: "replace" }),
    open: openPanel,
  });
  const followingActions = useDeferredValue(actions);
  const followingUndo = useDeferredValue(canUndo);
  const followingRedo = useDeferredValue(canRedo);
  const followingSaving = useDeferredValue(isSaving);
  const handleAgain = useSteady(() => void matching.refetch());
  const handleDelete = useSteady(() => startOn("delete"));
  const handleRename = useSteady(() => startOn("rename"));
  const handleAdd = useSteady(
    (tags: readonly string[]) => void editMany({ kind: "add", tags: [...tags], where: "last", anchor: "" }, ids),
  );
  const handleToggle = useSteady(toggleTag);
  const handleNarrow = useSteady((more: string, joining: Joining) =>
    handleFilter(joining === "none" ? narrowed(state.filter, more) : more),
  );
  const handleOpen = useCallback((id: string) => {
    dispatch({ kind: "current", id });
    setOpened({ panel: "picture" });
  }, []);

  if (read.isError && book === undefined)
    return <ProblemNotice error={read.error} onRetry={() => void read.refetch()} />;
  if (book === undefined || counts === undefined) return <Loader aria-label={t("loading")} />;
  if (book.order.length === 0)
    return (
      <EmptyState
        icon={<IconPhoto size={40} stroke={1.5} aria-hidden />}
        title={t("empty.title")}
        text={t("empty.text")}
        action={
          <Button component={Link} to={`/datasets/${datasetId}` as never} variant="light">
            {t("empty.action")}
          </Button>
        }
      />
    );
  const shown = targets(state);
  const numTarget = ids === null ? book.order.length : ids.length;
  const targetText = t(TARGET_TEXTS[target], { count: numTarget });
  const height = Math.max(320, viewport.height);
  const previewGrowth = Math.max(0, Math.min(400, viewport.width * 0.15) - 224); // as captions.module.css has it
  const close = () => setOpened(null);
  const panel = opened !== null && "panel" in opened ? opened.panel : null;
  const held = [...drafts].filter(([id, draft]) => draft.isHeld && id !== currentId).map(([id]) => id);
  const heldElsewhere = held[0];
  return (
    <div>
      <LeaveGuard isUnsaved={drafts.size > 0 || isSaving} saveFirst={saveAll} />
      <div className={classes.tools}>
        <FilterBar
          filter={state.filter}
          error={matching.isError ? matching.error : null}
          fieldRef={filterField}
          isOld={
            found !== undefined && matching.data !== undefined && matching.data.captions_revision !== book.revision
          }
          onFilter={handleFilter}
          onAgain={handleAgain}
        />
        <ToolBar
          actions={followingActions}
          isSaving={followingSaving}
          canUndo={followingUndo}
          canRedo={followingRedo}
          onTool={openTool}
          onPanel={openPanel}
        />
      </div>
      <div className={classes.layout}>
        <PicturePane
          book={followingBook ?? book}
          order={order}
          thumbs={thumbs}
          state={followingState}
          dispatch={dispatch}
          maxHeight={isWide ? height - 100 : 190}
          tileWidth={isWide ? 104 : 72}
          onOpen={handleOpen}
        />
        <div className={classes.work}>
          {heldElsewhere !== undefined && (
            <Group gap="xs">
              <Text size="sm">{t("held.elsewhere", { count: held.length })}</Text>
              <Button
                size="compact-sm"
                variant="default"
                onClick={() => dispatch({ kind: "current", id: heldElsewhere })}
              >
                {t("held.show")}
              </Button>
            </Group>
          )}
          {caption !== undefined && (
            <CurrentPicture
              datasetId={datasetId}
              caption={caption}
              picture={shownPicture}
              trigger={book.trigger}
              known={known}
              fieldRef={addField}
              draft={drafts.get(caption.id)}
              onDraft={step}
              onEdit={editCurrent}
              onWalk={walk}
              onOpen={openPicture}
            />
          )}
          {shown.length > 1 && (
            <SegmentedControl
              aria-label={t("target.label")}
              value={target}
              onChange={(value) => dispatch({ kind: "target", target: value as Target })}
              data={shown.map((value) => ({
                value,
                label: t(TARGET_TEXTS[value], {
                  count: targetIds({ ...state, wantedTarget: value }, order)?.length ?? book.order.length,
                }),
              }))}
            />
          )}
          <UnionPane
            datasetId={datasetId}
            counts={counts}
            known={known}
            trigger={book.trigger}
            present={present}
            numPictures={numTarget}
            selection={state.tags}
            dispatch={dispatch}
            searchRef={searchField}
            maxHeight={isWide ? Math.max(280, height - 520 - previewGrowth) : 420}
            onDelete={handleDelete}
            onRename={handleRename}
            onAdd={handleAdd}
            onToggle={handleToggle}
            onFilter={handleNarrow}
          />
        </div>
      </div>
      {opened !== null && "tool" in opened && (
        <ToolDialog
          tool={opened.tool}
          datasetId={datasetId}
          book={book}
          ids={ids}
          targetText={targetText}
          onApply={(command) => {
            if (command.kind === "delete" || command.kind === "rename") dispatch({ kind: "tags", keys: [] });
            void editMany(command, ids);
          }}
          onClose={close}
        />
      )}
      {panel !== null && panel in PANEL_TITLES && (
        <SidePanel title={t(PANEL_TITLES[panel] ?? "")} onClose={close}>
          {panel === "advisor" && (
            <AdvisorPanel
              datasetId={datasetId}
              book={book}
              known={known}
              onDelete={(tags) => {
                close();
                void editMany({ kind: "delete", tags: [...tags], with_trigger: false }, null);
              }}
            />
          )}
          {panel === "fed" && <FedPanel datasetId={datasetId} book={book} recipe={recipe} options={captionOptions} />}
          {panel === "history" && <HistoryPanel datasetId={datasetId} onStep={undo} />}
        </SidePanel>
      )}
      {panel === "vocabulary" && <VocabularyDialog onClose={close} />}
      {panel === "keys" && <KeySheet actions={[...actions, ...LIST_KEYS]} isOpen onClose={close} />}
      {panel === "picture" && picture !== undefined && (
        <LargePicture name={picture.name} src={picture.file_url} caption={caption?.text ?? ""} onClose={close} />
      )}
    </div>
  );
}
