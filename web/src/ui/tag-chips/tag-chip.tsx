/** One tag: click to select or change it, × to remove it, drag to move it. */
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import classes from "./tag-chips.module.css";

export interface TagChipProps {
  readonly tag: string;
  readonly place: number;
  readonly shown?: string;
  readonly count?: number;
  readonly kind?: "trigger";
  readonly isSelected?: boolean;
  readonly isBeyond?: boolean;
  readonly listId?: string;
  readonly onPress?: (event: { readonly shiftKey: boolean; readonly ctrlKey: boolean }) => void;
  readonly onRemove?: () => void;
  readonly onMove?: (from: number, to: number) => void;
}

export function TagChip(props: TagChipProps) {
  const {
    tag,
    place,
    shown = tag,
    count,
    kind,
    isSelected = false,
    isBeyond = false,
    listId,
    onPress,
    onRemove,
    onMove,
  } = props;
  const { t } = useTranslation("ui");
  const element = useRef<HTMLLIElement>(null);
  const [isOver, setIsOver] = useState(false);

  useEffect(() => {
    const node = element.current;
    if (node === null || onMove === undefined) return;
    return combine(
      draggable({ element: node, getInitialData: () => ({ listId, place }) }),
      dropTargetForElements({
        element: node,
        canDrop: ({ source }) => source.data["listId"] === listId && source.data["place"] !== place,
        onDragEnter: () => setIsOver(true),
        onDragLeave: () => setIsOver(false),
        onDrop: ({ source }) => {
          setIsOver(false);
          onMove(Number(source.data["place"]), place);
        },
      }),
    );
  }, [listId, onMove, place]);

  return (
    <li
      ref={element}
      className={classes.chip}
      data-kind={kind}
      data-selected={isSelected}
      data-over={isOver}
      data-beyond={isBeyond}
    >
      <button
        type="button"
        className={classes.word}
        aria-pressed={onPress === undefined ? undefined : isSelected}
        onClick={(event) => onPress?.(event)}
      >
        {shown}
      </button>
      {count !== undefined && <span className={classes.count}>{count}</span>}
      {onRemove !== undefined && (
        <button
          type="button"
          className={classes.remove}
          aria-label={t("tags.remove", { tag: shown })}
          title={t("tags.remove", { tag: shown })}
          onClick={onRemove}
        >
          ×
        </button>
      )}
    </li>
  );
}
