/** Chips of known widths laid in rows, so that thousands of them can be virtual. Pure. */

/** The place of the first chip of each row. */
export function packedRows(widths: readonly number[], gap: number, total: number): number[] {
  const firsts: number[] = [];
  let used = Infinity;
  widths.forEach((width, place) => {
    if (used + gap + width > total) {
      firsts.push(place);
      used = Math.min(width, total);
    } else used += gap + width;
  });
  return firsts;
}

/** The row that a place is in. */
export function rowOf(firsts: readonly number[], place: number): number {
  let low = 0;
  let high = firsts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((firsts[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The chip above or below that begins nearest to this one; the same place at the edge. */
export function placeBeside(
  firsts: readonly number[],
  widths: readonly number[],
  gap: number,
  place: number,
  by: 1 | -1,
) {
  const row = rowOf(firsts, place);
  const other = row + by;
  const start = firsts[other];
  if (start === undefined) return place;
  const end = firsts[other + 1] ?? widths.length;
  const edges = (from: number, to: number) => widths.slice(from, to).reduce((sum, width) => sum + width + gap, 0);
  const wanted = edges(firsts[row] ?? 0, place);
  let best = start;
  let distance = Infinity;
  for (let at = start; at < end; at += 1) {
    const away = Math.abs(edges(start, at) - wanted);
    if (away < distance) [best, distance] = [at, away];
  }
  return best;
}
