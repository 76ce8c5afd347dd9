/** What a caption loses and gains, tag by tag, for previews. Pure. */
import { splitTags } from "@/lib/tags";

export interface DiffPart {
  readonly kind: "same" | "gone" | "new";
  readonly text: string;
}

const MOST = 400;

/** The longest common run of tags stays; what lies between is gone or new. */
export function captionDiff(before: string, after: string): DiffPart[] {
  const a = splitTags(before).slice(0, MOST);
  const b = splitTags(after).slice(0, MOST);
  const best: number[][] = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => best[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = best[i];
      if (row !== undefined) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const parts: DiffPart[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    if (left !== undefined && left === right) {
      parts.push({ kind: "same", text: left });
      [i, j] = [i + 1, j + 1];
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      parts.push({ kind: "gone", text: left });
      i += 1;
    } else if (right !== undefined) {
      parts.push({ kind: "new", text: right });
      j += 1;
    }
  }
  return parts;
}

/** Long runs of what stays, shortened around what changes. */
export function shortened(parts: readonly DiffPart[], around = 2): (DiffPart | "gap")[] {
  const near = parts.map((_, place) =>
    parts.slice(Math.max(0, place - around), place + around + 1).some((part) => part.kind !== "same"),
  );
  const shown: (DiffPart | "gap")[] = [];
  parts.forEach((part, place) => {
    if (near[place] === true) shown.push(part);
    else if (shown.at(-1) !== "gap") shown.push("gap");
  });
  return shown;
}
