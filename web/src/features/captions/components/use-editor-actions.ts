/** Every key of the editor, as one list: the keyboard runs it and the "?" sheet shows it. */
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

export function editorActions(deeds: EditorDeeds): Action[] {
  const isFree = () => deeds.isFree;
  const onTags = () => deeds.isFree && deeds.hasTags;
  return [
    {
      id: "undo",
      text: "captions:actions.undo",
      keys: ["mod+z"],
      isEnabled: () => deeds.isFree && deeds.canUndo,
      worksInEmptyField: true,
      perform: deeds.undo,
    },
    {
      id: "redo",
      text: "captions:actions.redo",
      keys: ["mod+shift+z", "mod+y"],
      isEnabled: () => deeds.isFree && deeds.canRedo,
      worksInEmptyField: true,
      perform: deeds.redo,
    },
    {
      id: "next",
      text: "captions:actions.next",
      keys: ["mod+ArrowDown"],
      isEnabled: isFree,
      worksInEmptyField: true,
      perform: () => deeds.walk(1),
    },
    {
      id: "previous",
      text: "captions:actions.previous",
      keys: ["mod+ArrowUp"],
      isEnabled: isFree,
      worksInEmptyField: true,
      perform: () => deeds.walk(-1),
    },
    { id: "add", text: "captions:actions.add", keys: ["a"], isEnabled: isFree, perform: deeds.add },
    { id: "search", text: "captions:actions.search", keys: ["s"], isEnabled: isFree, perform: deeds.search },
    { id: "filter", text: "captions:actions.filter", keys: ["f"], isEnabled: isFree, perform: deeds.filter },
    { id: "delete", text: "captions:actions.delete", keys: ["Delete"], isEnabled: onTags, perform: deeds.deleteTags },
    { id: "rename", text: "captions:actions.rename", keys: ["F2"], isEnabled: onTags, perform: deeds.renameTags },
    { id: "clear", text: "captions:actions.clear", keys: ["Escape"], isEnabled: isFree, perform: deeds.clear },
    { id: "replace", text: "captions:actions.replace", keys: ["r"], isEnabled: isFree, perform: deeds.replace },
    {
      id: "advisor",
      text: "captions:actions.advisor",
      keys: ["t"],
      isEnabled: isFree,
      perform: () => deeds.open("advisor"),
    },
    { id: "fed", text: "captions:actions.fed", keys: ["e"], isEnabled: isFree, perform: () => deeds.open("fed") },
    {
      id: "history",
      text: "captions:actions.history",
      keys: ["h"],
      isEnabled: isFree,
      perform: () => deeds.open("history"),
    },
    { id: "keys", text: "captions:actions.keys", keys: ["?"], isEnabled: isFree, perform: () => deeds.open("keys") },
  ];
}

export function useEditorActions(deeds: EditorDeeds): Action[] {
  const actions = editorActions(deeds);
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
