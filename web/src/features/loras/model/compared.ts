/** What a comparison or a resize found, block by block, so that a person sees where two LoRAs differ. Pure. */

export interface ComparedLayer {
  readonly key: string;
  readonly block: number | null;
  /** Cosine of the angle between the two changes: 1 is the same direction, 0 none in common. */
  readonly cosine: number;
  readonly norm_a: number;
  readonly norm_b: number;
}

export interface ComparedBlock {
  /** Number of the block, or what else the layers are of. */
  readonly block: number | "text" | "other";
  readonly likeness: number;
  readonly normA: number;
  readonly normB: number;
  readonly numLayers: number;
}

export interface ResizedLayer {
  readonly rank_before: number;
  readonly rank: number;
  readonly retained: number;
}

const root = (squares: number): number => Math.sqrt(squares);

/** All layers as if they were one. */
export function together(layers: readonly ComparedLayer[]): Omit<ComparedBlock, "block"> {
  const normA = root(layers.reduce((sum, one) => sum + one.norm_a ** 2, 0));
  const normB = root(layers.reduce((sum, one) => sum + one.norm_b ** 2, 0));
  const dot = layers.reduce((sum, one) => sum + one.cosine * one.norm_a * one.norm_b, 0);
  return { likeness: normA * normB > 0 ? dot / (normA * normB) : 0, normA, normB, numLayers: layers.length };
}

/** Text encoders first, then blocks in the order in which a picture goes through them, then the rest. */
export function byBlock(layers: readonly ComparedLayer[]): ComparedBlock[] {
  const groups = new Map<ComparedBlock["block"], ComparedLayer[]>();
  for (const layer of layers) {
    const block = layer.block ?? (layer.key.startsWith("lora_te") ? "text" : "other");
    groups.set(block, [...(groups.get(block) ?? []), layer]);
  }
  const place = (block: ComparedBlock["block"]): number =>
    block === "text" ? -1 : block === "other" ? Number.MAX_SAFE_INTEGER : block;
  return [...groups].sort(([a], [b]) => place(a) - place(b)).map(([block, those]) => ({ block, ...together(those) }));
}

/** `same`, `alike`, `related`, `different` or `opposite`: in words what a likeness means. */
export function wordOf(likeness: number): "same" | "alike" | "related" | "different" | "opposite" {
  if (likeness > 0.98) return "same";
  if (likeness > 0.7) return "alike";
  if (likeness > 0.2) return "related";
  return likeness > -0.2 ? "different" : "opposite";
}

/** What a resize has left: ranks before and after, and how much of the changes' size is kept, on average and at least. */
export function keptOf(layers: readonly ResizedLayer[]) {
  const kept = layers.map((one) => one.retained);
  const ranks = layers.map((one) => one.rank);
  return {
    before: Math.max(...layers.map((one) => one.rank_before)),
    lowest: Math.min(...ranks),
    highest: Math.max(...ranks),
    mean: kept.reduce((sum, one) => sum + one, 0) / Math.max(1, kept.length),
    least: Math.min(...kept),
  };
}
