/** Where one goes from a LoRA. */

/** The drawing page with the LoRA set and its trigger put in (I1). */
export const toDrawWith = (id: string) => ({ to: "/drawings", search: { lora: id } as never });

/** The drawing page with the first of these set, and the grid of all of them about to be drawn (I5). */
export const toLayOut = (ids: readonly string[]) => ({
  to: "/drawings",
  search: { lora: ids[0], grid: ids.join(",") } as never,
});
