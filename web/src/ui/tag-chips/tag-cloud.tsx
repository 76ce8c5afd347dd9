/**
 * Many tags with their counts, as chips in rows that wrap: virtual, with one tab stop, arrows and selection.
 *
 * Rows are packed from measured widths, so that only those in view exist. One listener serves all chips.
 */
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  memo,
  type MouseEvent,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";

import { useSize } from "@/lib/use-size";

import type { Click, Selection } from "../picture-grid/selection";
import { packedRows, placeBeside, rowOf } from "./packing";
import classes from "./tag-chips.module.css";
import { textWidth } from "./text-width";

export interface CloudTag {
  readonly key: string;
  readonly shown: string;
  readonly count: number;
  /** A translation. */
  readonly note?: string;
  readonly kind?: string;
}

export interface TagCloudProps {
  readonly label: string;
  readonly tags: readonly CloudTag[];
  readonly selection: Selection;
  readonly maxHeight: number;
  /** Tags that the picture worked on has: they are marked. */
  readonly present?: ReadonlySet<string>;
  readonly onPress: (key: string, click: Click) => void;
  /** Enter, or a double click. */
  readonly onOpen: (key: string) => void;
  readonly onSelectAll: () => void;
}

const GAP = 4;
/** Borders, paddings and the space between the words of a chip, as in the style sheet. */
const AROUND = 26;
const BETWEEN = 6;

export function TagCloud(props: TagCloudProps) {
  "use no memo";
  const { label, tags, selection, maxHeight, present, onPress, onOpen, onSelectAll } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize<HTMLDivElement>();
  const isCoarse = useMediaQuery("(pointer: coarse)", undefined, { getInitialValueInEffect: false });
  const [currentKey, setCurrentKey] = useState<string | null>(null);
  const width = Math.floor(size.width);
  const [font, setFont] = useState("sans-serif");
  // Asked again with the width: before the style sheet is there, letters are others'.
  useEffect(() => setFont(getComputedStyle(document.body).fontFamily), [width]);
  const widths = useMemo(() => tags.map((tag) => chipWidth(tag, font)), [tags, font]);
  const firsts = useMemo(() => packedRows(widths, GAP, Math.max(width, 1)), [widths, width]);
  const height = (isCoarse ? 44 : 32) + GAP;
  // eslint-disable-next-line react-hooks/incompatible-library -- the compiler leaves this leaf alone, as it should
  const rows = useVirtualizer({
    count: width === 0 ? 0 : firsts.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 4,
  });
  useLayoutEffect(() => rows.measure(), [rows, height]);
  const found = currentKey === null ? -1 : tags.findIndex((tag) => tag.key === currentKey);
  const current = Math.max(0, found);

  const go = (place: number, extend: boolean) => {
    const tag = tags[Math.min(tags.length - 1, Math.max(0, place))];
    if (tag === undefined) return;
    const next = tags.indexOf(tag);
    setCurrentKey(tag.key);
    if (extend) onPress(tag.key, { shiftKey: true, ctrlKey: false });
    rows.scrollToIndex(rowOf(firsts, next));
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-place="${next}"]`)?.focus());
  };
  const handleKey = (event: KeyboardEvent) => {
    const tag = tags[current];
    const isMod = event.ctrlKey || event.metaKey;
    if (tag === undefined || event.altKey) return;
    if (isMod && event.key.toLowerCase() === "a") onSelectAll();
    else if (isMod) return;
    else if (event.key === "ArrowLeft") go(current - 1, event.shiftKey);
    else if (event.key === "ArrowRight") go(current + 1, event.shiftKey);
    else if (event.key === "ArrowUp") go(placeBeside(firsts, widths, GAP, current, -1), event.shiftKey);
    else if (event.key === "ArrowDown") go(placeBeside(firsts, widths, GAP, current, 1), event.shiftKey);
    else if (event.key === "Home") go(0, event.shiftKey);
    else if (event.key === "End") go(tags.length - 1, event.shiftKey);
    else if (event.key === " ") onPress(tag.key, { shiftKey: event.shiftKey, ctrlKey: true });
    else if (event.key === "Enter") onOpen(tag.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const keyAt = (event: MouseEvent): string | undefined => {
    const place = (event.target as HTMLElement).closest<HTMLElement>("[data-place]")?.dataset["place"];
    return place === undefined ? undefined : tags[Number(place)]?.key;
  };
  const handleClick = (event: MouseEvent) => {
    const key = keyAt(event);
    if (key === undefined) return;
    setCurrentKey(key);
    onPress(key, { shiftKey: event.shiftKey, ctrlKey: event.ctrlKey || event.metaKey });
  };
  const handleDoubleClick = (event: MouseEvent) => {
    const key = keyAt(event);
    if (key !== undefined) onOpen(key);
  };

  return (
    <div
      ref={scroller}
      className={classes.scroller}
      style={{ height: Math.min(maxHeight, Math.max(height, rows.getTotalSize())) }}
    >
      {/* eslint-disable-next-line jsx-a11y/interactive-supports-focus -- its options have the tab stop, one at a time */}
      <div
        ref={size.ref}
        role="listbox"
        aria-label={label}
        aria-multiselectable
        onKeyDown={handleKey}
        onClick={handleClick}
        onDoubleClick={handleDoubleClick}
        style={{ position: "relative", height: rows.getTotalSize() }}
      >
        {rows.getVirtualItems().map((row) => {
          const first = firsts[row.index] ?? 0;
          const end = firsts[row.index + 1] ?? tags.length;
          return (
            <div
              key={row.key}
              role="presentation"
              className={classes.row}
              style={{ transform: `translateY(${row.start}px)`, height: height - GAP }}
            >
              {tags.slice(first, end).map((tag, at) => (
                <CloudChip
                  key={tag.key}
                  tag={tag}
                  place={first + at}
                  total={tags.length}
                  isSelected={selection.ids.has(tag.key)}
                  isPresent={present?.has(tag.key) === true}
                  isStop={first + at === current}
                />
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface CloudChipProps {
  readonly tag: CloudTag;
  readonly place: number;
  readonly total: number;
  readonly isSelected: boolean;
  readonly isPresent: boolean;
  readonly isStop: boolean;
}

const CloudChip = memo(function CloudChip({ tag, place, total, isSelected, isPresent, isStop }: CloudChipProps) {
  return (
    <div
      role="option"
      className={classes.cloudChip}
      tabIndex={isStop ? 0 : -1}
      aria-selected={isSelected}
      aria-setsize={total}
      aria-posinset={place + 1}
      data-place={place}
      data-kind={tag.kind}
      data-present={isPresent || undefined}
      title={tag.note === undefined || tag.note === "" ? tag.shown : `${tag.shown} (${tag.note})`}
    >
      <span className={classes.cloudWord}>{tag.shown}</span>
      {tag.note !== undefined && tag.note !== "" && <span className={classes.note}>{tag.note}</span>}
      <span className={classes.count}>{tag.count}</span>
    </div>
  );
});

function chipWidth(tag: CloudTag, font: string): number {
  const word = textWidth(tag.shown, `14px ${font}`);
  const note = tag.note === undefined || tag.note === "" ? 0 : textWidth(tag.note, `12px ${font}`) + BETWEEN;
  return Math.ceil(word + note + textWidth(String(tag.count), `12px ${font}`)) + BETWEEN + AROUND;
}
