/** Captions typed as prose that are not saved: while one types, and after a save that did not come about. Pure. */
export interface Draft {
  readonly words: string;
  /** The caption that it was typed over. */
  readonly over: string;
  /** It was not saved when one left the field: what becomes of it is for the person to say. */
  readonly isHeld: boolean;
}

export type Drafts = ReadonlyMap<string, Draft>;

export const noDrafts: Drafts = new Map();

/** Something was typed; `text` is the caption as it is. */
export function typed(drafts: Drafts, id: string, words: string, text: string): Drafts {
  const { over = text, isHeld = false } = drafts.get(id) ?? {};
  return words === text ? without(drafts, id) : replaced(drafts, id, { words, over, isHeld });
}

/** It could not be saved. What was typed anew since then stays. */
export function held(drafts: Drafts, id: string, draft: Draft): Drafts {
  return replaced(drafts, id, { ...draft, words: drafts.get(id)?.words ?? draft.words, isHeld: true });
}

export function without(drafts: Drafts, id: string): Drafts {
  const left = new Map(drafts);
  left.delete(id);
  return left;
}

/** The caption became another one since the words were typed over it. */
export const isOvertaken = (draft: Draft, text: string) => draft.over !== text;

/** What is to be done when one leaves the field. */
export function onLeaving(draft: Draft | undefined, text: string): "nothing" | "forget" | "hold" | "save" {
  if (draft === undefined || draft.isHeld) return "nothing";
  if (draft.words.trim() === text.trim()) return "forget";
  return isOvertaken(draft, text) ? "hold" : "save";
}

function replaced(drafts: Drafts, id: string, draft: Draft): Drafts {
  return new Map(drafts).set(id, draft);
}
