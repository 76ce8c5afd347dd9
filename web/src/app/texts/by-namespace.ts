/** Texts of one language by namespace: the folder their file lies in, or `app`. */
export type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>;

export function byNamespace(files: Readonly<Record<string, Readonly<Record<string, string>>>>): Texts {
  return Object.fromEntries(
    Object.entries(files).map(([path, texts]) => [/([\w-]+)\/locales\//.exec(path)?.[1] ?? "app", texts]),
  );
}
