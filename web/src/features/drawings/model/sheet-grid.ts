/** A comparison's pictures in the rows and columns of its sheet, as far as they are drawn. Pure. */

interface Cell {
  readonly number: number;
  readonly places: readonly (readonly number[])[];
}

/** `grid[row][column]`; undefined where nothing is drawn yet. A picture may stand in several places. */
export function sheetGrid<Picture extends { readonly number: number }>(
  numRows: number,
  numColumns: number,
  cells: readonly Cell[],
  pictures: readonly Picture[],
): (Picture | undefined)[][] {
  const grid = Array.from({ length: numRows }, () => new Array<Picture | undefined>(numColumns).fill(undefined));
  const drawn = new Map(pictures.map((picture) => [picture.number, picture]));
  for (const cell of cells) {
    for (const [row = 0, column = 0] of cell.places) {
      const line = grid[row];
      if (line !== undefined && column < numColumns) line[column] = drawn.get(cell.number);
    }
  }
  return grid;
}
