/**
 * One caption's tags: drag or Alt+arrows to move, double click, Enter or F2 to write anew, × or Delete to remove.
 *
 * One tab stop; arrows walk. A tag that was chosen shows the same commands as buttons, which is the way by touch.
 */
import { ActionIcon, Group } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconPencil, IconX } from "@tabler/icons-react";
import { type KeyboardEvent, useCallback, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useSteady } from "@/lib/use-steady";

import { RowChip } from "./row-chip";
import classes from "./tag-chips.module.css";

export interface RowTag {
  readonly text: string;
  readonly note?: string;
  readonly kind?: string;
  /** It is the trigger: it stays where it is. */
  readonly isFixed?: boolean;
  /** The text encoder does not read it any more. */
  readonly isBeyond?: boolean;
}

export interface TagRowProps {
  readonly label: string;
  readonly tags: readonly RowTag[];
  /** A blank text removes the tag. */
  readonly onEdit: (place: number, text: string) => void;
  readonly onRemove: (place: number) => void;
  readonly onMove: (from: number, to: number) => void;
}

export function TagRow({ label, tags, onEdit, onRemove, onMove }: TagRowProps) {
  const { t } = useTranslation("ui");
  const listId = useId();
  const list = useRef<HTMLUListElement>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [edited, setEdited] = useState<number | null>(null);
  const place = chosen === null ? 0 : Math.min(chosen, tags.length - 1);
  const firstFree = tags.findIndex((tag) => tag.isFixed !== true);
  const tag = chosen === null ? undefined : tags[place];

  const focusOn = useCallback((next: number) => {
    setChosen(next);
    requestAnimationFrame(() =>
      list.current?.querySelector<HTMLElement>(`[data-place="${next}"] [data-word]`)?.focus(),
    );
  }, []);
  const move = useSteady((from: number, to: number) => {
    if (from === to || to < Math.max(0, firstFree) || to >= tags.length || tags[from]?.isFixed === true) return;
    onMove(from, to);
    focusOn(to);
  });
  const remove = useSteady((at: number) => {
    if (tags[at]?.isFixed === true) return;
    onRemove(at);
    if (tags.length > 1) focusOn(Math.min(at, tags.length - 2));
    else setChosen(null);
  });
  const startEdit = useSteady((at: number) => {
    if (tags[at]?.isFixed === true) return;
    setChosen(at);
    setEdited(at);
  });
  const endEdit = useSteady((at: number, text: string | null) => {
    setEdited(null);
    if (text !== null && text !== tags[at]?.text) onEdit(at, text);
    focusOn(at);
  });
  const handleKey = (event: KeyboardEvent) => {
    if (edited !== null || event.ctrlKey || event.metaKey) return;
    // The chip that has the focus, however it got there.
    const focused = (event.target as HTMLElement).closest<HTMLElement>("[data-place]")?.dataset["place"];
    const at = focused === undefined ? place : Number(focused);
    const to: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1 };
    const next = event.key === "Home" ? 0 : event.key === "End" ? tags.length - 1 : to[event.key];
    if (next !== undefined && event.altKey) move(at, next);
    else if (next !== undefined) focusOn(Math.min(tags.length - 1, Math.max(0, next)));
    else if (event.key === "Delete" || event.key === "Backspace") remove(at);
    else if (event.key === "Enter" || event.key === "F2") startEdit(at);
    else if (event.key === "Escape" && chosen !== null) setChosen(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- keys of the buttons within */}
      <ul ref={list} className={classes.list} aria-label={label} onKeyDown={handleKey}>
        {tags.map((one, at) => (
          <RowChip
            key={`${one.text}:${tags.slice(0, at).filter((other) => other.text === one.text).length}`}
            {...one}
            place={at}
            listId={listId}
            isStop={at === place}
            isChosen={at === chosen}
            isEdited={at === edited}
            onChoose={setChosen}
            onStartEdit={startEdit}
            onEndEdit={endEdit}
            onRemove={remove}
            onMove={move}
          />
        ))}
      </ul>
      {tag !== undefined && tag.isFixed !== true && edited === null && (
        <Group gap={4} mt={6} role="toolbar" aria-label={t("tags.edit", { tag: tag.text })}>
          <ActionIcon
            size={32}
            variant="default"
            aria-label={t("tags.before", { tag: tag.text })}
            disabled={place <= Math.max(0, firstFree)}
            onClick={() => move(place, place - 1)}
          >
            <IconArrowLeft size={16} stroke={1.5} />
          </ActionIcon>
          <ActionIcon
            size={32}
            variant="default"
            aria-label={t("tags.after", { tag: tag.text })}
            disabled={place >= tags.length - 1}
            onClick={() => move(place, place + 1)}
          >
            <IconArrowRight size={16} stroke={1.5} />
          </ActionIcon>
          <ActionIcon
            size={32}
            variant="default"
            aria-label={t("tags.edit", { tag: tag.text })}
            onClick={() => startEdit(place)}
          >
            <IconPencil size={16} stroke={1.5} />
          </ActionIcon>
          <ActionIcon
            size={32}
            variant="default"
            aria-label={t("tags.remove", { tag: tag.text })}
            onClick={() => remove(place)}
          >
            <IconX size={16} stroke={1.5} />
          </ActionIcon>
        </Group>
      )}
    </div>
  );
}
