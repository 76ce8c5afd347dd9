/** What differs between two recipes, by the groups that the form has. */
import type { components } from "@/api/schema";

export type Difference = components["schemas"]["DifferenceShown"];

export interface Group {
  /** Empty for the options of no section. */
  readonly section: string;
  readonly changes: readonly Difference[];
}

/** In the form's order; sections that the form does not know come last. */
export function grouped(changes: readonly Difference[], schema: readonly { readonly path: string }[]): Group[] {
  const order = [...new Set([...schema, ...changes].map((one) => sectionOf(one.path)))];
  return order
    .map((section) => ({ section, changes: changes.filter((one) => sectionOf(one.path) === section) }))
    .filter((group) => group.changes.length > 0);
}

function sectionOf(path: string): string {
  return path.includes(".") ? (path.split(".")[0] ?? "") : "";
}
