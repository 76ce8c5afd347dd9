/** A stack of edits whose inverse is sent as a new edit. A pure reducer: components only show it and call it. */

export interface EditHistory<Edit> {
  readonly past: readonly Edit[];
  readonly future: readonly Edit[];
}

export const emptyHistory = { past: [], future: [] } as const;

const MOST_EDITS = 500;

/** A new edit cuts what was undone. */
export function record<Edit>(history: EditHistory<Edit>, edit: Edit): EditHistory<Edit> {
  return { past: [...history.past, edit].slice(-MOST_EDITS), future: [] };
}

/** The edit to take back, and the history after that; undefined when there is none. */
export function undo<Edit>(history: EditHistory<Edit>): [Edit, EditHistory<Edit>] | undefined {
  const edit = history.past.at(-1);
  if (edit === undefined) return undefined;
  return [edit, { past: history.past.slice(0, -1), future: [edit, ...history.future] }];
}

/** The edit to do again, and the history after that; undefined when there is none. */
export function redo<Edit>(history: EditHistory<Edit>): [Edit, EditHistory<Edit>] | undefined {
  const [edit, ...future] = history.future;
  if (edit === undefined) return undefined;
  return [edit, { past: [...history.past, edit], future }];
}
