/** What can be said of a base model's file before gigabytes of it are sent. Pure but for reading its first bytes. */

export type FileProblem = "pickle" | "notWeights" | "damaged";

const PICKLES = /\.(ckpt|pt|pth|bin|pkl)$/i;
const LARGEST_HEADER = 100 * 2 ** 20;

/** Why the studio would refuse it, or null when it has to be sent to know. */
export async function problemOfFile(file: File): Promise<FileProblem | null> {
  if (PICKLES.test(file.name)) return "pickle";
  const first = new Uint8Array(await file.slice(0, 9).arrayBuffer());
  if (/\.zip$/i.test(file.name)) return first[0] === 0x50 && first[1] === 0x4b ? null : "damaged";
  if (!/\.safetensors$/i.test(file.name)) return "notWeights";
  if (first.length < 9) return "damaged";
  const headerBytes = Number(new DataView(first.buffer).getBigUint64(0, true));
  const isHeader = headerBytes > 1 && headerBytes <= LARGEST_HEADER && headerBytes + 8 <= file.size;
  return isHeader && first[8] === "{".charCodeAt(0) ? null : "damaged";
}
