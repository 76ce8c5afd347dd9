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
    const zoomed = { ...openViewer(0, 0), zoom: 3, x: -40, y: 12 };
    expect(stepViewer(zoomed, { type: "down" }, grid)).toEqual({ row: 1, column: 0, zoom: 3, x: -40, y: 12 });
  });
  it("zooms within bounds and comes back to the middle", () => {
    expect(walk(0, 0, ...Array<"zoomIn">(20).fill("zoomIn")).zoom).toBe(MOST_ZOOM);
    const away = { ...openViewer(0, 0), zoom: 1.2, x: 9, y: 9 };
    expect(stepViewer(away, { type: "zoomOut" }, grid)).toMatchObject({ zoom: 1, x: 0, y: 0 });
  });
  it("keeps what is pointed at where it is, also at the largest", () => {
    const near = stepViewer(openViewer(0, 0), { type: "grow", by: 2, x: 100, y: -50 }, grid);
    expect(near).toMatchObject({ zoom: 2, x: -100, y: 50 });
    expect(stepViewer(near, { type: "grow", by: 0.5, x: 30, y: 0 }, grid)).toEqual(openViewer(0, 0));
    const nearest = stepViewer(near, { type: "grow", by: 100, x: 100, y: -50 }, grid);
    expect(nearest).toMatchObject({ zoom: MOST_ZOOM, x: 100 - 8 * 100, y: -50 + 8 * 50 });
    expect(stepViewer(nearest, { type: "grow", by: 2, x: 7, y: 7 }, grid)).toEqual(nearest);
  });
  it("is dragged only while it is larger than its place", () => {
    expect(stepViewer(openViewer(0, 0), { type: "drag", x: 5, y: 5 }, grid)).toEqual(openViewer(0, 0));
    const zoomed = { ...openViewer(0, 0), zoom: 2, x: 10, y: 0 };
    expect(stepViewer(zoomed, { type: "drag", x: 5, y: -5 }, grid)).toMatchObject({ zoom: 2, x: 15, y: -5 });
  });
  it("does not go where there is no picture", () => {
    expect(stepViewer(openViewer(0, 0), { type: "go", row: 1, column: 1 }, grid)).toMatchObject({ row: 0, column: 0 });
  });
});
