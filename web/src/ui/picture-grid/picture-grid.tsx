/** Thousands of pictures in rows of known height: virtual, with one tab stop, arrows, and selection. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";

import { useSize } from "@/lib/use-size";

import classes from "./picture-grid.module.css";
import type { Click, Selection } from "./selection";

export interface GridPicture {
  readonly id: string;
  readonly thumb: string;
  readonly alt: string;
}

export interface PictureGridProps {
  readonly label: string;
  readonly pictures: readonly GridPicture[];
  readonly selection: Selection;
  readonly tileWidth?: number;
  /** In pixels; fewer pictures take less. */
  readonly maxHeight: number;
  readonly mark?: (id: string) => ReactNode;
  /** The picture that is worked on, where there is one: it is marked, kept in view, and follows the arrow keys. */
  readonly current?: string | null;
  readonly onCurrent?: (id: string) => void;
  readonly onClick: (id: string, click: Click) => void;
  readonly onOpen: (id: string) => void;
}

const GAP = 4;
/** Where there is room, pictures grow before there are more of them in a row. */
const [USUAL_COLUMNS, WIDEST_TILE] = [7, 240];

export function PictureGrid(props: PictureGridProps) {
  "use no memo";
  const {
    label,
    pictures,
    selection,
    tileWidth = 132,
    maxHeight,
    mark,
    current: worked,
    onCurrent,
    onClick,
    onOpen,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize<HTMLDivElement>();
  const [current, setCurrent] = useState(0);
  const { width } = size;
  const wished = Math.max(tileWidth, Math.min(WIDEST_TILE, width / USUAL_COLUMNS - GAP));
  const columns = Math.max(2, Math.floor((width + GAP) / (wished + GAP)) || 2);
  const side = Math.max(1, (width - GAP * (columns - 1)) / columns);
  // eslint-disable-next-line react-hooks/incompatible-library -- the compiler leaves this small leaf alone, as it should
  const rows = useVirtualizer({
    // Without a width the first drawing would be of all pictures, at the least size there is.
    count: width === 0 ? 0 : Math.ceil(pictures.length / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => side + GAP,
    overscan: 3,
  });
  useLayoutEffect(() => rows.measure(), [rows, side]);
  const workedPlace = worked == null ? -1 : pictures.findIndex((picture) => picture.id === worked);
  useEffect(() => {
    if (workedPlace < 0) return;
    setCurrent(workedPlace);
    rows.scrollToIndex(Math.floor(workedPlace / columns));
  }, [rows, workedPlace, columns]);

  const go = (place: number) => {
    const next = Math.min(pictures.length - 1, Math.max(0, place));
    setCurrent(next);
    const picture = pictures[next];
    if (picture !== undefined) onCurrent?.(picture.id);
    rows.scrollToIndex(Math.floor(next / columns));
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-place="${next}"]`)?.focus());
  };
  const handleKey = (event: KeyboardEvent, id: string) => {
    const by: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const step = by[event.key];
    if (step !== undefined) go(current + step);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(pictures.length - 1);
    else if (event.key === " ") onClick(id, { shiftKey: event.shiftKey, ctrlKey: true });
    else if (event.key === "Enter") onOpen(id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={scroller}
      className={classes.scroller}
      style={{ height: Math.min(maxHeight, Math.max(side, rows.getTotalSize())) }}
    >
      <div
        ref={size.ref}
        role="listbox"
        aria-label={label}
        aria-multiselectable
        style={{ position: "relative", height: rows.getTotalSize() }}
      >
        {rows.getVirtualItems().map((row) => (
          <div
            key={row.key}
            role="presentation"
            className={classes.row}
            style={{
              transform: `translateY(${row.start}px)`,
              gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
              height: side,
            }}
          >
            {pictures.slice(row.index * columns, (row.index + 1) * columns).map((picture, column) => {
              const place = row.index * columns + column;
              return (
                <div
                  key={picture.id}
                  role="option"
                  tabIndex={place === Math.min(current, pictures.length - 1) ? 0 : -1}
                  aria-selected={selection.ids.has(picture.id)}
                  data-place={place}
                  data-worked={picture.id === worked || undefined}
                  className={classes.tile}
                  onClick={(event) => {
                    setCurrent(place);
                    onClick(picture.id, { shiftKey: event.shiftKey, ctrlKey: event.ctrlKey || event.metaKey });
                  }}
                  onDoubleClick={() => onOpen(picture.id)}
                  onKeyDown={(event) => handleKey(event, picture.id)}
                >
                  <img src={picture.thumb} alt={picture.alt} loading="lazy" decoding="async" draggable={false} />
                  {mark !== undefined && <span className={classes.mark}>{mark(picture.id)}</span>}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
