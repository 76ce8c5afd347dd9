/** Where the viewer is in a grid of pictures (rows × columns, some missing), and how far it is zoomed. A reducer. */

export interface ViewerCell {
  readonly src: string;
  readonly alt: string;
  readonly caption: string;
}

/** `cells[row][column]`; undefined where there is no picture. A row is an epoch, a column a sample. */
export type ViewerGrid = readonly (readonly (ViewerCell | undefined)[])[];

export interface ViewerState {
  readonly row: number;
  readonly column: number;
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export type ViewerStep =
  | { readonly type: "left" | "right" | "up" | "down" | "zoomIn" | "zoomOut" | "whole" }
  | { readonly type: "go"; readonly row: number; readonly column: number }
  | { readonly type: "drag"; readonly x: number; readonly y: number }
  /** So many times larger; what lies under `x`, `y`, from the middle, stays there. */
  | { readonly type: "grow"; readonly by: number; readonly x: number; readonly y: number };

export const MOST_ZOOM = 8;
const ZOOM_STEP = 1.5;

export function openViewer(row: number, column: number): ViewerState {
  return { row, column, zoom: 1, x: 0, y: 0 };
}

/** The next state. Moves skip missing pictures and keep zoom and place, so that one eye can be watched through epochs. */
export function stepViewer(state: ViewerState, step: ViewerStep, grid: ViewerGrid): ViewerState {
  switch (step.type) {
    case "left":
    case "right": {
      const column = nextColumn(grid, state.row, state.column, step.type === "left" ? -1 : 1);
      return column === undefined ? state : { ...state, column };
    }
    case "up":
    case "down": {
      const row = nextRow(grid, state.row, state.column, step.type === "up" ? -1 : 1);
      return row === undefined ? state : { ...state, row };
    }
    case "go":
      return grid[step.row]?.[step.column] === undefined ? state : { ...state, row: step.row, column: step.column };
    case "zoomIn":
      return grown(state, ZOOM_STEP, 0, 0);
    case "zoomOut":
      return grown(state, 1 / ZOOM_STEP, 0, 0);
    case "whole":
      return { ...state, zoom: 1, x: 0, y: 0 };
    case "drag":
      return state.zoom === 1 ? state : { ...state, x: state.x + step.x, y: state.y + step.y };
    case "grow":
      return grown(state, step.by, step.x, step.y);
  }
}

function grown(state: ViewerState, by: number, x: number, y: number): ViewerState {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, state.zoom * by));
  const really = zoom / state.zoom;
  return zoom === 1
    ? { ...state, zoom, x: 0, y: 0 }
    : { ...state, zoom, x: x - (x - state.x) * really, y: y - (y - state.y) * really };
}

export function nextColumn(grid: ViewerGrid, row: number, column: number, by: 1 | -1): number | undefined {
  const cells = grid[row] ?? [];
  for (let place = column + by; place >= 0 && place < cells.length; place += by) {
    if (cells[place] !== undefined) return place;
  }
  return undefined;
}

export function nextRow(grid: ViewerGrid, row: number, column: number, by: 1 | -1): number | undefined {
  for (let place = row + by; place >= 0 && place < grid.length; place += by) {
    if (grid[place]?.[column] !== undefined) return place;
  }
  return undefined;
}
