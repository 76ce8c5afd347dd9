/**
 * The server keeps the history in English sentences (`words_for` in `captions/rules/commands.py`); here they become
 * keys with their parts, so that they can be read in the language of the page. An unknown sentence is shown as it is.
 */

export interface HistoryWords {
  readonly key: string;
  readonly parts: Readonly<Record<string, string>>;
}

const SENTENCES: readonly [RegExp, string][] = [
  [/^add (?<tags>.+?)(?: first| (?:before|after) .+)? to [\d,]+ pictures?$/, "captions:did.add"],
  [/^delete (?<tags>.+) from [\d,]+ pictures?$/, "captions:did.delete"],
  [/^rename (?<tags>.+) to (?<replacement>.+) in [\d,]+ pictures?$/, "captions:did.rename"],
  [/^merge (?<tags>.+) to (?<replacement>.+) in [\d,]+ pictures?$/, "captions:did.merge"],
  [/^replace pattern '(?<find>.*)' by '(?<replacement>.*)' in [\d,]+ pictures?$/, "captions:did.replacePattern"],
  [/^replace '(?<find>.*)' by '(?<replacement>.*)' in [\d,]+ pictures?$/, "captions:did.replace"],
  [/^put '(?<text>.*)' in front of [\d,]+ pictures?$/, "captions:did.prepend"],
  [/^put '(?<text>.*)' behind [\d,]+ pictures?$/, "captions:did.append"],
  [/^put .+ first in [\d,]+ pictures?$/, "captions:did.order"],
  [/^sort by .+$/, "captions:did.sort"],
  [/^remove duplicates from .+$/, "captions:did.duplicates"],
  [/^write the caption of .+$/, "captions:did.write"],
  [/^copy the caption of (?<name>.+) to .+$/, "captions:did.copy"],
  [/^tagged \d+ picture\(s\) with (?<name>.+)$/, "captions:did.tagged"],
  [/^(?<count>\d+) caption\(s\) from files$/, "captions:did.files"],
  [/^caption of (?<name>.+) from a file$/, "captions:did.file"],
  [/^write (?:underscores|spaces) in .+$/, "captions:did.respell"],
];

const MORE = / and (\d+) more$/;

export function historyWords(words: string): HistoryWords | null {
  for (const [pattern, key] of SENTENCES) {
    const match = pattern.exec(words);
    if (match === null) continue;
    const parts: Record<string, string> = {};
    for (const [name, text] of Object.entries(match.groups ?? {})) parts[name] = text.replace(MORE, ", +$1");
    return { key, parts };
  }
  return null;
}
