/** Smoothed series for the eye: an exponential mean with its start corrected, as TensorBoard draws it. */

/** `weight` 0 leaves the values as they are; close to 1 smooths strongly. */
export function smoothed(values: readonly number[], weight: number): number[] {
  let sum = 0;
  let debt = 0;
  return values.map((value) => {
    sum = sum * weight + (1 - weight) * value;
    debt = debt * weight + (1 - weight);
    return debt === 0 ? value : sum / debt;
  });
}
