/** The picture that is worked on, with its tags above everything else (E1, E3, E7). */
import { Badge, Button, Group, SegmentedControl, Select, Stack, Text, Textarea } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { memo, type Ref, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { isConverting } from "@/lib/typing";
import { useSteady } from "@/lib/use-steady";
import { type RowTag, TagRow } from "@/ui/tag-chips/tag-row";

import { type Caption, keysOf } from "../model/book";
import { type Command, moved, textWith } from "../model/commands";
import type { Draft } from "../model/drafts";
import { isWeighted, keyOf } from "../model/tag";
import type { KnownTag } from "../model/union";
import { captionQueries, type TokenLimit } from "../queries";
import classes from "./captions.module.css";
import { HeldWords } from "./held-words";
import { TagAdder } from "./tag-adder";
import type { DraftStep } from "./use-drafts";

export interface CurrentPictureProps {
  readonly datasetId: string;
  readonly caption: Caption;
  readonly picture: { readonly src: string; readonly place: number; readonly total: number };
  readonly trigger: string;
  readonly known: ReadonlyMap<string, KnownTag>;
  readonly fieldRef: Ref<HTMLInputElement>;
  /** What is typed as prose and not saved. */
  readonly draft: Draft | undefined;
  readonly onDraft: (id: string, step: DraftStep) => void;
  readonly onEdit: (command: Command) => void;
  readonly onWalk: (by: 1 | -1) => void;
  readonly onOpen: () => void;
}

export const CurrentPicture = memo(function CurrentPicture(props: CurrentPictureProps) {
  const { datasetId, caption, picture, trigger, known, fieldRef, draft, onDraft, onEdit, onWalk, onOpen } = props;
  const { t } = useTranslation("captions");
  const [mode, setMode] = useState<Mode>("tags");
  const [limit, setLimit] = useState<TokenLimit>(75);
  const tokens = useQuery(captionQueries.tokens(caption.text, limit));
  const beyond = tokens.isPlaceholderData ? undefined : tokens.data?.tags;
  const tags = useMemo(() => rowTags(caption, trigger, known, beyond), [beyond, caption, known, trigger]);

  const handleEdit = (place: number, text: string) => {
    const old = caption.tags[place];
    if (old === undefined) return;
    const isPlain = text !== "" && !/[,、，\n]/.test(text) && !isWeighted(old) && !isWeighted(text);
    if (isPlain && isSingle(caption, old)) onEdit({ kind: "rename", tags: [old], new: text });
    else onEdit({ kind: "set", text: textWith(caption, place, text.replaceAll(/[、，]/g, ",")) });
  };
  const handleRemove = (place: number) => {
    const tag = caption.tags[place];
    if (tag === undefined) return;
    if (isSingle(caption, tag)) onEdit({ kind: "delete", tags: [tag], with_trigger: false });
    else onEdit({ kind: "set", text: textWith(caption, place, "") });
  };
  const handleMove = (from: number, to: number) => {
    const order = moved(caption.tags, from, to);
    const isPlain = order.length <= 200 && keysOf(caption).size === caption.tags.length;
    onEdit(isPlain ? { kind: "order", tags: [...order] } : { kind: "set", text: order.join(", ") });
  };
  const handleTags = useSteady((added: readonly string[]) =>
    onEdit({ kind: "add", tags: [...added], where: "last", anchor: "" }),
  );
  const handleWalk = useSteady(onWalk);
  const handleDraft = (step: DraftStep) => onDraft(caption.id, step);

  return (
    <section className={classes.current} aria-label={t("current.label", { name: caption.name })}>
      <div className={classes.preview}>
        <button type="button" className={classes.previewButton} onClick={onOpen} aria-label={t("current.enlarge")}>
          <img src={picture.src} alt={caption.name} decoding="async" />
        </button>
      </div>
      <Group justify="space-between" gap="xs" className={classes.head}>
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {caption.name}
        </Text>
        <Group gap={4} wrap="nowrap">
          <Text size="xs" c="dimmed" className={classes.figures}>
            {t("current.place", { place: picture.place + 1, total: picture.total })}
          </Text>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={t("actions.previous")}
            title={t("actions.previous")}
            disabled={picture.place <= 0}
            onClick={() => onWalk(-1)}
          >
            <IconArrowUp size={16} stroke={1.5} aria-hidden />
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={t("actions.next")}
            title={t("actions.next")}
            disabled={picture.place >= picture.total - 1}
            onClick={() => onWalk(1)}
          >
            <IconArrowDown size={16} stroke={1.5} aria-hidden />
          </Button>
        </Group>
      </Group>
      <Stack gap="xs" className={classes.words}>
        {mode === "tags" ? (
          <>
            {caption.tags.length === 0 ? (
              <Text size="sm" c="dimmed">
                {t("current.empty")}
              </Text>
            ) : (
              <TagRow
                key={caption.id}
                label={t("current.tags", { name: caption.name })}
                tags={tags}
                onEdit={handleEdit}
                onRemove={handleRemove}
                onMove={handleMove}
              />
            )}
            <TagAdder
              datasetId={datasetId}
              label={t("current.add")}
              onTags={handleTags}
              onWalk={handleWalk}
              fieldRef={fieldRef}
            />
          </>
        ) : (
          <CaptionText key={caption.id} text={draft?.words ?? caption.text} onStep={handleDraft} />
        )}
        {draft?.isHeld === true && (
          <HeldWords draft={draft} text={caption.text} areShown={mode === "text"} onStep={handleDraft} />
        )}
        <Group gap="xs">
          <ModeChoice mode={mode} onMode={setMode} />
          {tokens.data !== undefined && (
            <Badge
              variant="light"
              color={tokens.data.num_tokens > limit ? "odo" : "gray"}
              className={classes.figures}
              title={
                tokens.data.num_tokens > limit ? t("tokens.over", { tag: tokens.data.first_beyond ?? "" }) : undefined
              }
            >
              {t("tokens.count", { count: tokens.data.num_tokens, limit })}
            </Badge>
          )}
          <LimitChoice limit={limit} onLimit={setLimit} />
        </Group>
        {tokens.data !== undefined && tokens.data.num_tokens > limit && (
          <Text size="xs" c="odo" role="status">
            {t("tokens.over", { tag: tokens.data.first_beyond ?? "" })}
          </Text>
        )}
      </Stack>
    </section>
  );
});

type Mode = "tags" | "text";

const ModeChoice = memo(function ModeChoice(props: { readonly mode: Mode; readonly onMode: (mode: Mode) => void }) {
  const { t } = useTranslation("captions");
  return (
    <SegmentedControl
      size="xs"
      aria-label={t("current.mode")}
      value={props.mode}
      onChange={(value) => props.onMode(value as Mode)}
      data={[
        { value: "tags", label: t("current.asTags") },
        { value: "text", label: t("current.asText") },
      ]}
    />
  );
});

const LimitChoice = memo(function LimitChoice(props: {
  readonly limit: TokenLimit;
  readonly onLimit: (limit: TokenLimit) => void;
}) {
  const { t } = useTranslation("captions");
  return (
    <Select
      size="xs"
      w={110}
      aria-label={t("tokens.limit")}
      value={String(props.limit)}
      onChange={(value) => props.onLimit(Number(value) as TokenLimit)}
      data={(["75", "150", "225"] as const).map((value) => ({
        value,
        label: t("tokens.upTo", { limit: value }),
      }))}
    />
  );
});

/** A caption written as prose; saved when one leaves it. */
function CaptionText({ text, onStep }: { readonly text: string; readonly onStep: (step: DraftStep) => void }) {
  const { t } = useTranslation("captions");
  return (
    <Textarea
      aria-label={t("current.text")}
      description={t("current.textHelp")}
      autosize
      minRows={3}
      maxRows={14}
      value={text}
      onChange={(event) => onStep({ kind: "type", words: event.currentTarget.value })}
      onBlur={() => onStep({ kind: "leave" })}
      onKeyDown={(event) => {
        if (isConverting(event)) return;
        if (event.key === "Escape") onStep({ kind: "discard" });
        else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onStep({ kind: "leave" });
      }}
    />
  );
}

function rowTags(
  caption: Caption,
  trigger: string,
  known: ReadonlyMap<string, KnownTag>,
  counted: readonly { readonly is_beyond: boolean }[] | undefined,
): RowTag[] {
  const triggerKey = trigger === "" ? null : keyOf(trigger);
  return caption.tags.map((text, place) => {
    const key = keyOf(text);
    const isTrigger = place === 0 && key === triggerKey;
    const about = known.get(key);
    return {
      text,
      note: about?.translation ?? "",
      kind: isTrigger ? "trigger" : (about?.category ?? "unknown"),
      isFixed: isTrigger,
      isBeyond: counted?.length === caption.tags.length && counted[place]?.is_beyond === true,
    };
  });
}

/** Whether no other tag of the caption is the same one. */
function isSingle(caption: Caption, tag: string): boolean {
  const key = keyOf(tag);
  return caption.tags.filter((one) => keyOf(one) === key).length === 1;
}
