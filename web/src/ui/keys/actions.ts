/** One object per action drives its button, its key and its line on the "?" sheet. */
import { isConverting, isWriting } from "@/lib/typing";

/** Whose keys have other names. */
export const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

export interface Action {
  readonly id: string;
  /** Key of its text, with its namespace: `captions:actions.undo`. */
  readonly text: string;
  /** Such as `mod+z`, `shift+Delete`, `?`; `mod` is Ctrl, and Cmd on a Mac. */
  readonly keys: readonly string[];
  readonly isEnabled?: () => boolean;
  /** Whether it also works while somebody types (undo in a field is the field's own). */
  readonly worksWhileWriting?: boolean;
  /** Whether it works in a field with nothing in it: there undo can only mean the page's. */
  readonly worksInEmptyField?: boolean;
  readonly perform: () => void;
}

export interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly target: EventTarget | null;
  readonly isComposing?: boolean;
  readonly keyCode?: number;
}

/** The action that a key press means, or undefined. Nothing is meant while a conversion is open. */
export function actionFor(pressed: Pressed, actions: readonly Action[]): Action | undefined {
  if (isConverting(pressed)) return undefined;
  const writing = isWriting(pressed.target);
  return actions.find(
    (action) =>
      (!writing ||
        action.worksWhileWriting === true ||
        (action.worksInEmptyField === true && isEmptyField(pressed.target))) &&
      action.keys.some((keys) => matches(pressed, keys)) &&
      (action.isEnabled?.() ?? true),
  );
}

function isEmptyField(target: EventTarget | null): boolean {
  return (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) && target.value === "";
}

/** Pairs of actions that want the same key; a test keeps it empty. */
export function conflicts(actions: readonly Action[]): string[] {
  const taken = new Map<string, string>();
  const found: string[] = [];
  for (const action of actions) {
    for (const keys of action.keys) {
      const other = taken.get(keys.toLowerCase());
      if (other !== undefined) found.push(`${keys}: ${other}, ${action.id}`);
      taken.set(keys.toLowerCase(), action.id);
    }
  }
  return found;
}

/** A combination as people read it: Ctrl+Z, ⌘Z, ←. */
export function shownKeys(keys: string, isMac: boolean): string {
  const names: Record<string, string> = {
    mod: isMac ? "⌘" : "Ctrl",
    shift: isMac ? "⇧" : "Shift",
    alt: isMac ? "⌥" : "Alt",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Delete: "Del",
    Escape: "Esc",
    " ": "Space",
  };
  const parts = partsOf(keys).map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  return parts.join(isMac ? "" : "+");
}

/** What is held, and last the key itself, which may be the plus. */
function partsOf(keys: string): string[] {
  return keys.endsWith("+") ? [...keys.slice(0, -1).split("+").filter(Boolean), "+"] : keys.split("+");
}

function matches(pressed: Pressed, keys: string): boolean {
  const parts = partsOf(keys);
  const wanted = parts.at(-1) ?? "";
  const has = (name: string) => parts.slice(0, -1).includes(name);
  if ((pressed.ctrlKey || pressed.metaKey) !== has("mod") || pressed.altKey !== has("alt")) return false;
  const isLetter = /^[a-z]$/i.test(wanted);
  if ((isLetter || wanted.length > 1) && pressed.shiftKey !== has("shift")) return false;
  if (pressed.key.toLowerCase() === wanted.toLowerCase()) return true;
  // Keyboards that write kana, Cyrillic and so on: the place of the key decides.
  const isLatin = /^[ -~]$/.test(pressed.key);
  return isLetter && !isLatin && pressed.code === `Key${wanted.toUpperCase()}`;
}
