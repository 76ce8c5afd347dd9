/** What of some chosen files is sent together: a picture with its captions and mask, a zip by itself. Pure. */

interface Sized {
  readonly size: number;
}

export interface Given<Bytes extends Sized> {
  readonly file: Bytes;
  /** Folders joined by `/`: a Kohya folder's name says repeats and trigger. */
  readonly path: string;
}

export interface FilesTogether<Bytes extends Sized> {
  readonly name: string;
  readonly sizeBytes: number;
  readonly files: readonly Given<Bytes>[];
}

const CAPTIONS = new Set(["txt", "caption"]);
/** What a system leaves in folders, which nobody means to send. */
const LEFT_OVER = /(^|\/)(\.[^/]*|thumbs\.db|desktop\.ini|__MACOSX)(\/|$)/i;
/** More than this goes by tus, which a cut line costs nothing; less is sent again in seconds. */
export const LARGE_BYTES = 16 * 2 ** 20;

/** Folders whose files say what is learnt of the picture of their name, as the studio knows them. */
const MASKS = /(^|.*\/)(mask|masks|マスク)\//i;

/** Captions and masks go with the picture of their name, wherever they stand in the list; those without one last. */
export function filesTogether<Bytes extends Sized>(given: readonly Given<Bytes>[]): FilesTogether<Bytes>[] {
  const wanted = given.filter((one) => !LEFT_OVER.test(one.path));
  const captions = new Map<string, Given<Bytes>[]>();
  for (const one of wanted.filter(isCaption)) {
    const others = captions.get(stemOf(one.path)) ?? [];
    captions.set(stemOf(one.path), [...others, one]);
  }
  const masks = new Map(wanted.filter((one) => isMask(one)).map((one) => [stemOf(one.path.replace(MASKS, "")), one]));
  const used = new Set<Given<Bytes>>();
  const pictures = wanted
    .filter((one) => !isCaption(one) && !isMask(one))
    .map((one) => {
      const own = captions.get(stemOf(one.path)) ?? [];
      captions.delete(stemOf(one.path));
      const mask = endsOf(stemOf(one.path))
        .map((end) => masks.get(end))
        .find((found) => found !== undefined);
      if (mask !== undefined) used.add(mask);
      return together([one, ...own, ...(mask === undefined ? [] : [mask])]);
    });
  const alone = [...masks.values()].filter((mask) => !used.has(mask));
  return [...pictures, ...[...captions.values()].map(together), ...alone.map((mask) => together([mask]))];
}

export function isZip(path: string): boolean {
  return suffixOf(path) === "zip";
}

/** Whether it has to survive a cut line in its middle. */
export function goesByTus(parcel: Pick<FilesTogether<Sized>, "sizeBytes" | "files">): boolean {
  return parcel.sizeBytes > LARGE_BYTES || parcel.files.some((one) => isZip(one.path));
}

function together<Bytes extends Sized>(files: readonly Given<Bytes>[]): FilesTogether<Bytes> {
  return {
    name: files[0]?.path.split("/").at(-1) ?? "",
    sizeBytes: files.reduce((sum, one) => sum + one.file.size, 0),
    files,
  };
}

function isCaption(one: { readonly path: string }): boolean {
  return CAPTIONS.has(suffixOf(one.path));
}

function isMask(one: { readonly path: string }): boolean {
  return MASKS.test(one.path) && !isCaption(one) && !isZip(one.path);
}

/** The path and its shorter ends, the longest first: `20_zdm/a`, `a`. */
function endsOf(stem: string): string[] {
  const parts = stem.split("/");
  return parts.map((_, start) => parts.slice(start).join("/"));
}

function suffixOf(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}

function stemOf(path: string): string {
  return path
    .replace(/\.[^./]+$/, "")
    .normalize("NFC")
    .toLowerCase();
}
