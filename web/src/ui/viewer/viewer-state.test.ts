import { describe, expect, it } from "vitest";

import { MOST_ZOOM, openViewer, stepViewer, type ViewerGrid, type ViewerStep } from "./viewer-state";

const cell = (name: string) => ({ src: name, alt: name, caption: name });
const grid: ViewerGrid = [
  [cell("e1s1"), cell("e1s2"), cell("e1s3")],
  [cell("e2s1"), undefined, cell("e2s3")],
  [cell("e3s1"), cell("e3s2"), undefined],
];
const walk = (
  row: number,
  column: number,
  ...types: ("left" | "right" | "up" | "down" | "zoomIn" | "zoomOut" | "whole")[]
) => types.reduce((state, type) => stepViewer(state, { type } as ViewerStep, grid), openViewer(row, column));

describe("viewer", () => {
  it("goes between samples with left and right, and between epochs of one sample with up and down", () => {
    expect(walk(0, 0, "right")).toMatchObject({ row: 0, column: 1 });
    expect(walk(0, 0, "down", "down")).toMatchObject({ row: 2, column: 0 });
  });
  it("skips missing pictures and stays at the edge", () => {
    expect(walk(1, 0, "right")).toMatchObject({ row: 1, column: 2 });
    expect(walk(0, 1, "down")).toMatchObject({ row: 2, column: 1 });
    expect(walk(1, 2, "down")).toMatchObject({ row: 1, column: 2 });
    expect(walk(0, 0, "left", "up")).toMatchObject({ row: 0, column: 0 });
  });
  it("keeps zoom and place while it walks", () => {
    const zoomed = stepViewer(openViewer(0, 0), { type: "place", zoom: 3, x: -40, y: 12 }, grid);
    expect(stepViewer(zoomed, { type: "down" }, grid)).toEqual({ row: 1, column: 0, zoom: 3, x: -40, y: 12 });
  });
  it("zooms within bounds and comes back to the middle", () => {
    expect(walk(0, 0, ...Array<"zoomIn">(20).fill("zoomIn")).zoom).toBe(MOST_ZOOM);
    const away = stepViewer(openViewer(0, 0), { type: "place", zoom: 1.2, x: 9, y: 9 }, grid);
    expect(stepViewer(away, { type: "zoomOut" }, grid)).toMatchObject({ zoom: 1, x: 0, y: 0 });
  });
  it("does not go where there is no picture", () => {
    expect(stepViewer(openViewer(0, 0), { type: "go", row: 1, column: 1 }, grid)).toMatchObject({ row: 0, column: 0 });
  });
});
