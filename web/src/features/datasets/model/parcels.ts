/** What of some chosen files is sent together: a picture with its captions, a zip by itself. Pure. */

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

/** Captions go with the picture of their name, wherever they stand in the list; those without one come last. */
export function filesTogether<Bytes extends Sized>(given: readonly Given<Bytes>[]): FilesTogether<Bytes>[] {
  const wanted = given.filter((one) => !LEFT_OVER.test(one.path));
  const captions = new Map<string, Given<Bytes>[]>();
  for (const one of wanted.filter(isCaption)) {
    const others = captions.get(stemOf(one.path)) ?? [];
    captions.set(stemOf(one.path), [...others, one]);
  }
  const pictures = wanted
    .filter((one) => !isCaption(one))
    .map((one) => {
      const own = captions.get(stemOf(one.path)) ?? [];
      captions.delete(stemOf(one.path));
      return together([one, ...own]);
    });
  return [...pictures, ...[...captions.values()].map(together)];
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

function suffixOf(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}

function stemOf(path: string): string {
  return path
    .replace(/\.[^./]+$/, "")
    .normalize("NFC")
    .toLowerCase();
}
