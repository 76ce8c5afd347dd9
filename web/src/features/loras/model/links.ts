/** Where one goes from a LoRA. */

/** The drawing page with the LoRA set and its trigger put in (I1). */
export const toDrawWith = (id: string) => ({ to: "/drawings", search: { lora: id } as never });
