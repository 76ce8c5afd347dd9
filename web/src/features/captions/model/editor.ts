/** What is looked at and chosen in the editor, and what clicks and keys make of it. Pure. */
import { type Click, clicked, everythingSelected, nothingSelected, type Selection } from "@/ui/picture-grid/selection";

/** Which pictures a command for many is for. */
export type Target = "all" | "filtered" | "selected";

export interface EditorState {
  /** The picture whose tags are shown above. */
  readonly current: string | null;
  readonly pictures: Selection;
  /** Keys of tags of the union. */
  readonly tags: Selection;
  readonly filter: string;
  /** Every click on a picture adds to the selection, which is the way by touch. */
  readonly isGathering: boolean;
  /** null: whatever is narrowest. */
  readonly wantedTarget: Target | null;
}

export const firstState: EditorState = {
  current: null,
  pictures: nothingSelected,
  tags: nothingSelected,
  filter: "",
  isGathering: false,
  wantedTarget: null,
};

export type EditorAction =
  | { readonly kind: "picture"; readonly id: string; readonly order: readonly string[]; readonly click: Click }
  | { readonly kind: "current"; readonly id: string }
  | { readonly kind: "walk"; readonly by: number; readonly order: readonly string[] }
  | { readonly kind: "allPictures"; readonly order: readonly string[] }
  | { readonly kind: "tag"; readonly key: string; readonly order: readonly string[]; readonly click: Click }
  | { readonly kind: "allTags"; readonly order: readonly string[] }
  | { readonly kind: "tags"; readonly keys: readonly string[] }
  | { readonly kind: "filter"; readonly filter: string }
  | { readonly kind: "target"; readonly target: Target }
  | { readonly kind: "gather" }
  | { readonly kind: "noPictures" }
  | { readonly kind: "clear" };

export function editorReducer(state: EditorState, action: EditorAction): EditorState {
  switch (action.kind) {
    case "picture": {
      const click = state.isGathering && !action.click.shiftKey ? { shiftKey: false, ctrlKey: true } : action.click;
      const pictures = clicked(state.pictures, action.id, action.order, click);
      return { ...state, pictures, current: action.id, wantedTarget: withoutTarget(state, "selected") };
    }
    case "current":
      return { ...state, current: action.id };
    case "walk": {
      const at = state.current === null ? -1 : action.order.indexOf(state.current);
      const next = action.order[Math.min(action.order.length - 1, Math.max(0, at + action.by))];
      return next === undefined ? state : { ...state, current: next };
    }
    case "allPictures":
      return { ...state, pictures: everythingSelected(action.order), wantedTarget: null };
    case "tag":
      return { ...state, tags: tagClicked(state.tags, action.key, action.order, action.click) };
    case "allTags":
      return { ...state, tags: everythingSelected(action.order) };
    case "tags":
      return { ...state, tags: { ids: new Set(action.keys), anchor: action.keys[0] ?? null } };
    case "filter":
      return { ...state, filter: action.filter.trim(), pictures: nothingSelected, wantedTarget: null };
    case "target":
      return { ...state, wantedTarget: action.target };
    case "gather":
      return { ...state, isGathering: !state.isGathering };
    case "noPictures":
      return { ...state, pictures: nothingSelected, isGathering: false, wantedTarget: null };
    case "clear":
      // One step back at a time: tags first, then pictures.
      return state.tags.ids.size > 0
        ? { ...state, tags: nothingSelected }
        : editorReducer(state, { kind: "noPictures" });
  }
}

/** Tags gather: a plain click adds one or takes it away, so that nine of them are nine clicks, also by touch. */
function tagClicked(tags: Selection, key: string, order: readonly string[], click: Click): Selection {
  return clicked(tags, key, order, click.shiftKey ? click : { shiftKey: false, ctrlKey: true });
}

function withoutTarget(state: EditorState, target: Target): Target | null {
  return state.wantedTarget === target ? state.wantedTarget : null;
}

/** What there is to choose from: two selected pictures or more are meant together. */
export function targets(state: EditorState): Target[] {
  const found: Target[] = ["all"];
  if (state.filter !== "") found.push("filtered");
  if (state.pictures.ids.size > 1) found.push("selected");
  return found;
}

export function targetOf(state: EditorState): Target {
  const there = targets(state);
  return state.wantedTarget !== null && there.includes(state.wantedTarget)
    ? state.wantedTarget
    : (there.at(-1) ?? "all");
}

/** The pictures a command for many is for; null when it is for all of the dataset. */
export function targetIds(state: EditorState, shown: readonly string[]): readonly string[] | null {
  switch (targetOf(state)) {
    case "all":
      return null;
    case "filtered":
      return shown;
    case "selected":
      return shown.filter((id) => state.pictures.ids.has(id));
  }
}
