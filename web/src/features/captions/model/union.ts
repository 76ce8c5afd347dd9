/** The union of all tags while the server's answer is awaited: what an edit will have made of it. Pure. */

export interface UnionTag {
  readonly key: string;
  readonly count: number;
  readonly is_trigger: boolean;
}

/** After deleting these from every picture. The trigger stays, as the server keeps it. */
export function withoutTags<Tag extends UnionTag>(union: readonly Tag[], keys: ReadonlySet<string>): Tag[] {
  return union.filter((tag) => tag.is_trigger || !keys.has(tag.key));
}
