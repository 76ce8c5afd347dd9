/** Sentences about a file that is named beside them already. */

/** What a reason says of `name`, without naming it once more: to be put behind the name. */
export function afterName(name: string, reason: string): string {
  let rest = reason.trim();
  while (rest.startsWith(`${name}: `)) rest = rest.slice(name.length + 2);
  if (rest === "") return "";
  return rest.startsWith(name) ? rest.slice(name.length) : ` ${rest}`;
}
