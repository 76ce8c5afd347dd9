/** Every key of the editor, as one list: the keyboard runs it and the "?" sheet shows it. */
import { useMemo } from "react";

import { useSteady } from "@/lib/use-steady";
import type { Action } from "@/ui/keys/actions";
import { useActions } from "@/ui/keys/use-actions";

export interface EditorDeeds {
  /** No dialog is open. */
  readonly isFree: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly hasTags: boolean;
  readonly undo: () => void;
  readonly redo: () => void;
  readonly walk: (by: 1 | -1) => void;
  readonly add: () => void;
  readonly filter: () => void;
  readonly search: () => void;
  readonly deleteTags: () => void;
  readonly renameTags: () => void;
  readonly clear: () => void;
  readonly replace: () => void;
  readonly open: (panel: "advisor" | "fed" | "history" | "keys") => void;
}

/** What decides which keys work. */
type Circumstances = Pick<EditorDeeds, "isFree" | "canUndo" | "canRedo" | "hasTags">;
type Act = (deed: (deeds: EditorDeeds) => void) => void;

export function editorActions(now: Circumstances, act: Act): Action[] {
  const isFree = () => now.isFree;
  const onTags = () => now.isFree && now.hasTags;
  return [
    {
      id: "undo",
      text: "captions:actions.undo",
      keys: ["mod+z"],
      isEnabled: () => now.isFree && now.canUndo,
      worksInEmptyField: true,
      perform: () => act((deeds) => deeds.undo()),
    },
    {
      id: "redo",
      text: "captions:actions.redo",
      keys: ["mod+shift+z", "mod+y"],
      isEnabled: () => now.isFree && now.canRedo,
      worksInEmptyField: true,
      perform: () => act((deeds) => deeds.redo()),
    },
    {
      id: "next",
      text: "captions:actions.next",
      keys: ["mod+ArrowDown"],
      isEnabled: isFree,
      worksInEmptyField: true,
      perform: () => act((deeds) => deeds.walk(1)),
    },
    {
      id: "previous",
      text: "captions:actions.previous",
      keys: ["mod+ArrowUp"],
      isEnabled: isFree,
      worksInEmptyField: true,
      perform: () => act((deeds) => deeds.walk(-1)),
    },
    {
      id: "add",
      text: "captions:actions.add",
      keys: ["a"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.add()),
    },
    {
      id: "search",
      text: "captions:actions.search",
      keys: ["s"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.search()),
    },
    {
      id: "filter",
      text: "captions:actions.filter",
      keys: ["f"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.filter()),
    },
    {
      id: "delete",
      text: "captions:actions.delete",
      keys: ["Delete"],
      isEnabled: onTags,
      perform: () => act((deeds) => deeds.deleteTags()),
    },
    {
      id: "rename",
      text: "captions:actions.rename",
      keys: ["F2"],
      isEnabled: onTags,
      perform: () => act((deeds) => deeds.renameTags()),
    },
    {
      id: "clear",
      text: "captions:actions.clear",
      keys: ["Escape"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.clear()),
    },
    {
      id: "replace",
      text: "captions:actions.replace",
      keys: ["r"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.replace()),
    },
    {
      id: "advisor",
      text: "captions:actions.advisor",
      keys: ["t"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.open("advisor")),
    },
    {
      id: "fed",
      text: "captions:actions.fed",
      keys: ["e"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.open("fed")),
    },
    {
      id: "history",
      text: "captions:actions.history",
      keys: ["h"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.open("history")),
    },
    {
      id: "keys",
      text: "captions:actions.keys",
      keys: ["?"],
      isEnabled: isFree,
      perform: () => act((deeds) => deeds.open("keys")),
    },
  ];
}

/** The same list until other keys work, whatever else is drawn. */
export function useEditorActions(deeds: EditorDeeds): Action[] {
  const { isFree, canUndo, canRedo, hasTags } = deeds;
  const act = useSteady((deed: (deeds: EditorDeeds) => void) => deed(deeds));
  const actions = useMemo(
    () => editorActions({ isFree, canUndo, canRedo, hasTags }, act),
    [act, canRedo, canUndo, hasTags, isFree],
  );
  useActions(actions);
  return actions;
}

/** Keys that lists and chips act on themselves, for the sheet alone. */
export const LIST_KEYS: readonly { readonly id: string; readonly text: string; readonly keys: readonly string[] }[] = [
  { id: "list.walk", text: "captions:actions.listWalk", keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"] },
  { id: "list.select", text: "captions:actions.listSelect", keys: [" "] },
  { id: "list.range", text: "captions:actions.listRange", keys: ["shift+ArrowRight"] },
  { id: "list.all", text: "captions:actions.listAll", keys: ["mod+a"] },
  { id: "list.toggle", text: "captions:actions.listToggle", keys: ["Enter"] },
  { id: "chip.edit", text: "captions:actions.chipEdit", keys: ["Enter", "F2"] },
  { id: "chip.remove", text: "captions:actions.chipRemove", keys: ["Delete", "Backspace"] },
  { id: "chip.move", text: "captions:actions.chipMove", keys: ["alt+ArrowLeft", "alt+ArrowRight"] },
  { id: "field.first", text: "captions:actions.fieldFirst", keys: ["mod+Enter"] },
];
