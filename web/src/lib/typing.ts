/** Whether a key press belongs to an input method: the Enter that confirms a Japanese conversion is not Enter. */

interface KeyLike {
  readonly isComposing?: boolean;
  readonly keyCode?: number;
  readonly nativeEvent?: { readonly isComposing?: boolean; readonly keyCode?: number };
}

/** True while a conversion is open. Safari ends it before the key event, which then has key code 229. */
export function isConverting(event: KeyLike): boolean {
  const native = event.nativeEvent ?? event;
  return native.isComposing === true || native.keyCode === 229;
}

/** Whether a key was pressed where people write, so that no shortcut may act on it. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  const notText = ["checkbox", "radio", "range", "button", "submit", "file", "color"];
  return target instanceof HTMLInputElement && !notText.includes(target.type);
}
