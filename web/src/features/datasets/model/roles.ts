/** Which pictures of a dataset are shown: by what they are for in a training (F28). Pure. */

export const SHOWN = ["all", "learnt", "regularisation", "masked"] as const;
export type Shown = (typeof SHOWN)[number];

export interface WithRole {
  readonly is_regularisation: boolean;
  readonly mask_url: string | null;
}

/** What there is to choose from; a dataset whose pictures are all alike has nothing. */
export function choicesOf(pictures: readonly WithRole[]): readonly Shown[] {
  const spared = pictures.some((one) => one.is_regularisation);
  const masked = pictures.some((one) => one.mask_url !== null);
  if (!spared && !masked) return [];
  return SHOWN.filter((one) => one === "all" || (one === "masked" ? masked : spared));
}

/** Whether a picture is shown. */
export function isShown(picture: WithRole, shown: Shown): boolean {
  if (shown === "learnt") return !picture.is_regularisation;
  if (shown === "regularisation") return picture.is_regularisation;
  return shown === "all" || picture.mask_url !== null;
}
