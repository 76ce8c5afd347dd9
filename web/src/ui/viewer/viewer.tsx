/** Full screen over a grid of pictures: ←/→ the next sample, ↑/↓ the same sample of the next epoch; zoom is kept. */
import { FocusTrap, Portal } from "@mantine/core";
import {
  IconArrowDown,
  IconArrowLeft,
  IconArrowRight,
  IconArrowUp,
  IconX,
  IconZoomIn,
  IconZoomOut,
  IconZoomScan,
} from "@tabler/icons-react";
import { type ReactNode, useEffect, useReducer } from "react";
import { useTranslation } from "react-i18next";

import type { Action } from "../keys/actions";
import { useActions } from "../keys/use-actions";
import { usePanZoom } from "./use-pan-zoom";
import classes from "./viewer.module.css";
import {
  nextColumn,
  nextRow,
  openViewer,
  stepViewer,
  type ViewerCell,
  type ViewerGrid,
  type ViewerState,
  type ViewerStep,
} from "./viewer-state";

export interface ViewerProps {
  readonly grid: ViewerGrid;
  readonly row: number;
  readonly column: number;
  readonly onClose: () => void;
  /** Buttons of the page's own, such as download and save. */
  readonly tools?: (cell: ViewerCell, state: ViewerState) => ReactNode;
  /** What is told beside the picture; null tells nothing. */
  readonly panel?: (cell: ViewerCell, state: ViewerState) => ReactNode;
}

export function Viewer({ grid, row, column, onClose, tools, panel }: ViewerProps) {
  const { t } = useTranslation("ui");
  const reduce = (state: ViewerState, step: ViewerStep) => stepViewer(state, step, grid);
  const [state, dispatch] = useReducer(reduce, openViewer(row, column));
  const panZoom = usePanZoom(dispatch);
  useFocusBack();
  const cell = grid[state.row]?.[state.column];
  const beside = cell === undefined ? null : (panel?.(cell, state) ?? null);

  const button = (text: string, icon: ReactNode, step: ViewerStep, isOff = false) => (
    <button
      type="button"
      className={classes.button}
      aria-label={text}
      title={text}
      disabled={isOff}
      onClick={() => dispatch(step)}
    >
      {icon}
    </button>
  );
  const key = (id: string, keys: string[], step: ViewerStep): Action => ({
    id,
    text: `ui:viewer.${id}`,
    keys,
    perform: () => dispatch(step),
  });
  useActions([
    key("previous", ["ArrowLeft"], { type: "left" }),
    key("next", ["ArrowRight"], { type: "right" }),
    key("up", ["ArrowUp"], { type: "up" }),
    key("down", ["ArrowDown"], { type: "down" }),
    key("zoomIn", ["+", "="], { type: "zoomIn" }),
    key("zoomOut", ["-"], { type: "zoomOut" }),
    key("whole", ["0"], { type: "whole" }),
    { id: "close", text: "ui:viewer.close", keys: ["Escape"], perform: onClose },
  ]);

  return (
    <Portal>
      <FocusTrap active>
        <div role="dialog" aria-modal="true" aria-label={cell?.caption ?? t("viewer.none")} className={classes.screen}>
          <div className={classes.bar}>
            <div className={classes.words} aria-live="polite">
              <p>{cell?.caption ?? t("viewer.none")}</p>
            </div>
            {cell !== undefined && tools?.(cell, state)}
            <button
              type="button"
              className={classes.button}
              aria-label={t("viewer.close")}
              title={t("viewer.close")}
              onClick={onClose}
              data-autofocus
            >
              <IconX stroke={1.5} />
            </button>
          </div>
          <div className={classes.middle}>
            <div className={classes.stage} data-stage {...panZoom}>
              {cell !== undefined && (
                <img
                  src={cell.src}
                  alt={cell.alt}
                  draggable={false}
                  className={`${classes.picture} ${state.zoom >= 4 ? classes.pixels : ""}`}
                  style={{ transform: `translate(${state.x}px, ${state.y}px) scale(${state.zoom})` }}
                />
              )}
            </div>
            {beside !== null && <aside className={classes.panel}>{beside}</aside>}
          </div>
          <div className={classes.bar} style={{ justifyContent: "center" }}>
            {button(
              t("viewer.previous"),
              <IconArrowLeft stroke={1.5} />,
              { type: "left" },
              nextColumn(grid, state.row, state.column, -1) === undefined,
            )}
            {button(
              t("viewer.next"),
              <IconArrowRight stroke={1.5} />,
              { type: "right" },
              nextColumn(grid, state.row, state.column, 1) === undefined,
            )}
            {grid.length > 1 &&
              button(
                t("viewer.up"),
                <IconArrowUp stroke={1.5} />,
                { type: "up" },
                nextRow(grid, state.row, state.column, -1) === undefined,
              )}
            {grid.length > 1 &&
              button(
                t("viewer.down"),
                <IconArrowDown stroke={1.5} />,
                { type: "down" },
                nextRow(grid, state.row, state.column, 1) === undefined,
              )}
            {button(t("viewer.zoomOut"), <IconZoomOut stroke={1.5} />, { type: "zoomOut" }, state.zoom === 1)}
            {button(t("viewer.whole"), <IconZoomScan stroke={1.5} />, { type: "whole" }, state.zoom === 1)}
            {button(t("viewer.zoomIn"), <IconZoomIn stroke={1.5} />, { type: "zoomIn" })}
          </div>
        </div>
      </FocusTrap>
    </Portal>
  );
}

/** Who closes it goes on from where it was opened. */
function useFocusBack() {
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
}
