/**
 * Edits that are shown before the server has answered. Pure: what is shown is what is confirmed, with the edits that
 * wait applied to it in order. One that fails takes those behind it along, since they were made on what it showed.
 */
import { type Book, type Caption, withCaptions } from "./book";
import { type Command, foreseen } from "./commands";

export interface PendingEdit {
  readonly number: number;
  readonly command: Command;
  /** The pictures it is for. */
  readonly ids: readonly string[];
}

export type PendingEdits = readonly PendingEdit[];

export type PendingAction =
  | { readonly kind: "asked"; readonly edit: PendingEdit }
  | { readonly kind: "done"; readonly number: number }
  | { readonly kind: "failed"; readonly number: number };

export function pendingReducer(pending: PendingEdits, action: PendingAction): PendingEdits {
  switch (action.kind) {
    case "asked":
      return [...pending, action.edit];
    case "done":
      return pending.filter((edit) => edit.number !== action.number);
    case "failed": {
      const at = pending.findIndex((edit) => edit.number === action.number);
      return at < 0 ? pending : pending.slice(0, at);
    }
  }
}

/** What people see. */
export function shownBook(confirmed: Book, pending: PendingEdits): Book {
  return pending.reduce((book, { command, ids }) => {
    const changed: Caption[] = [];
    for (const id of ids) {
      const caption = book.byId.get(id);
      const after = caption === undefined ? null : foreseen(caption, command, book.trigger);
      if (after !== null && after !== caption) changed.push(after);
    }
    return withCaptions(book, changed);
  }, confirmed);
}
