/** A box that completes tags from one's own, the tagger's and imported lists (E4). What is typed stays in here. */
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { memo, type Ref, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";
import { TagInput } from "@/ui/tag-input/tag-input";

import { type Completion, captionQueries } from "../queries";

const SOURCES: Record<Completion["source"], string> = {
  own: "captions:source.own",
  tagger: "captions:source.tagger",
  imported: "captions:source.imported",
};

export interface TagAdderProps {
  readonly datasetId: string;
  readonly label: string;
  readonly onTags: (tags: readonly string[]) => void;
  readonly onWalk?: (by: 1 | -1) => void;
  readonly fieldRef?: Ref<HTMLInputElement>;
}

const NONE: readonly Completion[] = [];

export const TagAdder = memo(function TagAdder({ datasetId, label, onTags, onWalk, fieldRef }: TagAdderProps) {
  const { t, i18n } = useTranslation("captions");
  const [typed, setTyped] = useState("");
  const [asked] = useDebouncedValue(typed, 60);
  const answer = useQuery(captionQueries.complete(datasetId, asked));
  const found = typed === "" || asked === "" ? NONE : (answer.data ?? NONE);
  const suggestions = useMemo(
    () =>
      found.map((one) => ({
        tag: one.name,
        meaning:
          one.matched !== "" && one.matched !== one.translation
            ? `${one.translation} ← ${one.matched}`
            : one.translation,
        note: t("source.line", { source: t(SOURCES[one.source]), count: formatNumber(one.count, i18n.language) }),
      })),
    [found, i18n.language, t],
  );
  return (
    <TagInput
      label={label}
      suggestions={suggestions}
      onType={setTyped}
      onTags={onTags}
      {...(onWalk === undefined ? {} : { onWalk })}
      {...(fieldRef === undefined ? {} : { fieldRef })}
    />
  );
});
