/** What is typed for a grid of LoRAs, weights and prompts (I5), read and counted. Pure. */
import { withoutLora } from "./prompt-loras";

export interface TypedGrid {
  /** Names of the LoRAs. */
  readonly names: readonly string[];
  /** One on each line. */
  readonly prompts: string;
  /** Numbers with commas or spaces between them, in any width. */
  readonly weights: string;
  readonly withoutLora: boolean;
}

export interface ReadGrid {
  readonly prompts: string[];
  readonly weights: number[];
  /** What was typed among the weights and is no number, or is out of range. */
  readonly odd: string[];
  readonly numPictures: number;
}

export function readGrid(typed: TypedGrid, range: { readonly low: number; readonly high: number }): ReadGrid {
  const lines = typed.prompts.split("\n").map((line) => line.trim());
  const prompts = [...new Set(lines.filter((line) => line !== ""))];
  const parts = typed.weights
    .normalize("NFKC")
    .replace(/−/g, "-")
    .split(/[\s,、/]+/)
    .filter((part) => part !== "");
  const isFine = (part: string) =>
    Number.isFinite(Number(part)) && Number(part) >= range.low && Number(part) <= range.high;
  const weights = [...new Set(parts.filter(isFine).map(Number))];
  return {
    prompts,
    weights,
    odd: parts.filter((part) => !isFine(part)),
    numPictures: prompts.length * (typed.names.length * weights.length + (typed.withoutLora ? 1 : 0)),
  };
}

/** The form's prompt as the grid's first line: without the LoRAs whose weight the columns set. */
export function firstLine(prompt: string, names: readonly string[]): string {
  const line = prompt.replace(/\s*\n\s*/g, " ").trim();
  return names.reduce((text, name) => withoutLora(text, name), line);
}
