/** What tags are the same: as the server's `rules/text.py` has it, so that counts agree before it answers. */

const WEIGHT = /:\s*[0-9]*\.?[0-9]+$/;

/** Without weights: `black hair` of `((black hair:1.2))`. A group of several tags keeps its brackets. */
export function coreOf(tag: string): string {
  let core = tag.trim();
  while (core.length > 2 && /^[([]/.test(core) && !core.includes(",") && closing(core) === core.length - 1) {
    let inner = core.slice(1, -1).trim();
    if (core.startsWith("(")) inner = inner.replace(WEIGHT, "").trim();
    if (inner === "") break;
    core = inner;
  }
  return core;
}

const known = new Map<string, string>();

/** What all spellings of one tag share: case, underscores, escapes, blanks and weights do not count. */
export function keyOf(tag: string): string {
  let key = known.get(tag);
  if (key === undefined) {
    const plain = coreOf(tag).replaceAll("\\(", "(").replaceAll("\\)", ")").replaceAll("_", " ");
    key = plain.normalize("NFC").toLowerCase().trim().split(/\s+/).join(" ");
    if (known.size > 50_000) known.clear();
    known.set(tag, key);
  }
  return key;
}

/** Whether a tag has brackets or weights, which a plain change of its name would keep. */
export function isWeighted(tag: string): boolean {
  return coreOf(tag) !== tag.trim();
}

function closing(text: string): number {
  const close = text.startsWith("(") ? ")" : "]";
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "\\") at += 1;
    else if (letter === text[0]) depth += 1;
    else if (letter === close) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}
