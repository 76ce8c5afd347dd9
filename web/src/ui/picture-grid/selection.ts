/** Which pictures are selected, and what a click with or without Shift and Ctrl makes of it. Pure. */

export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** Where a range begins; null before the first click. */
  readonly anchor: string | null;
}

export const nothingSelected: Selection = { ids: new Set(), anchor: null };

export interface Click {
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
}

/** After a click on `id`. A range without an anchor in view is a plain click and never "from the beginning". */
export function clicked(selection: Selection, id: string, order: readonly string[], click: Click): Selection {
  const from = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
  if (click.shiftKey && from >= 0) {
    const to = order.indexOf(id);
    const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
    const takes = selection.ids.has(selection.anchor ?? "");
    const ids = new Set(selection.ids);
    for (const one of range) {
      if (takes) ids.add(one);
      else ids.delete(one);
    }
    return { ids, anchor: selection.anchor };
  }
  if (click.ctrlKey || selection.ids.size > 1) return toggled(selection, id);
  const isOnlyOne = selection.ids.size === 1 && selection.ids.has(id);
  return { ids: new Set(isOnlyOne ? [] : [id]), anchor: id };
}

export function toggled(selection: Selection, id: string): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: id };
}

export function everythingSelected(order: readonly string[]): Selection {
  return { ids: new Set(order), anchor: order[0] ?? null };
}
