/** One tag of a caption, which can be dragged, and written anew where it stands. */
import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { memo, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { isConverting } from "@/lib/typing";

import classes from "./tag-chips.module.css";
import type { RowTag } from "./tag-row";

interface RowChipProps extends RowTag {
  readonly place: number;
  readonly listId: string;
  readonly isStop: boolean;
  readonly isChosen: boolean;
  readonly isEdited: boolean;
  readonly onChoose: (place: number) => void;
  readonly onStartEdit: (place: number) => void;
  /** null: as it was. */
  readonly onEndEdit: (place: number, text: string | null) => void;
  readonly onRemove: (place: number) => void;
  readonly onMove: (from: number, to: number) => void;
}

export const RowChip = memo(function RowChip(props: RowChipProps) {
  const {
    text,
    note,
    kind,
    isFixed = false,
    isBeyond = false,
    place,
    listId,
    isStop,
    isChosen,
    isEdited,
    onChoose,
    onStartEdit,
    onEndEdit,
    onRemove,
    onMove,
  } = props;
  const { t } = useTranslation("ui");
  const element = useRef<HTMLLIElement>(null);
  const [over, setOver] = useState<"before" | "after" | null>(null);

  useEffect(() => {
    const node = element.current;
    if (node === null || isFixed || isEdited) return;
    return combine(
      draggable({ element: node, getInitialData: () => ({ listId, place }) }),
      dropTargetForElements({
        element: node,
        canDrop: ({ source }) => source.data["listId"] === listId && source.data["place"] !== place,
        onDragEnter: ({ source }) => setOver(Number(source.data["place"]) > place ? "before" : "after"),
        onDragLeave: () => setOver(null),
        onDrop: ({ source }) => {
          setOver(null);
          onMove(Number(source.data["place"]), place);
        },
      }),
    );
  }, [isEdited, isFixed, listId, onMove, place]);

  return (
    <li
      ref={element}
      className={classes.chip}
      data-place={place}
      data-kind={kind}
      data-selected={isChosen}
      data-over={over}
      data-beyond={isBeyond}
    >
      {isEdited ? (
        <ChipInput tag={text} label={t("tags.edit", { tag: text })} onEnd={(typed) => onEndEdit(place, typed)} />
      ) : (
        <button
          type="button"
          className={classes.word}
          data-word
          tabIndex={isStop ? 0 : -1}
          title={isBeyond ? t("tags.beyond") : undefined}
          onClick={() => onChoose(place)}
          onDoubleClick={() => onStartEdit(place)}
        >
          {text}
          {note !== undefined && note !== "" && <span className={classes.note}>{note}</span>}
        </button>
      )}
      {!isFixed && !isEdited && (
        <button
          type="button"
          className={classes.remove}
          tabIndex={-1}
          aria-label={t("tags.remove", { tag: text })}
          title={t("tags.remove", { tag: text })}
          onClick={() => onRemove(place)}
        >
          ×
        </button>
      )}
    </li>
  );
});

function ChipInput({
  tag,
  label,
  onEnd,
}: {
  readonly tag: string;
  readonly label: string;
  readonly onEnd: (text: string | null) => void;
}) {
  const [text, setText] = useState(tag);
  const field = useRef<HTMLInputElement>(null);
  const isOver = useRef(false);
  useEffect(() => field.current?.select(), []);
  const end = (result: string | null) => {
    if (isOver.current) return;
    isOver.current = true;
    onEnd(result);
  };
  return (
    <input
      ref={field}
      className={classes.input}
      aria-label={label}
      value={text}
      size={Math.max(6, text.length + 1)}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => end(text.trim())}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (isConverting(event)) return;
        if (event.key === "Enter") end(text.trim());
        else if (event.key === "Escape") end(null);
        else return;
        event.preventDefault();
      }}
    />
  );
}
