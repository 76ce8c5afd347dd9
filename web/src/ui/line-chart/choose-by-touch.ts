/** A finger that goes along the chart chooses a part of it, as a mouse does; uPlot knows mice only. */
import type uPlot from "uplot";

const LEAST_PX = 12;

/** Returns how to stop. */
export function chooseByTouch(plot: uPlot): () => void {
  const { over } = plot;
  let from: number | null = null;
  const placeOf = (event: PointerEvent) => {
    const box = over.getBoundingClientRect();
    return Math.min(box.width, Math.max(0, event.clientX - box.left));
  };
  const choose = (left: number, width: number) =>
    plot.setSelect({ left, width, top: 0, height: over.clientHeight }, false);
  const begin = (event: PointerEvent) => {
    if (event.pointerType === "touch") from = placeOf(event);
  };
  const go = (event: PointerEvent) => {
    if (from !== null) choose(Math.min(from, placeOf(event)), Math.abs(placeOf(event) - from));
  };
  const end = (event: PointerEvent) => {
    if (from === null) return;
    const [left, right] = [Math.min(from, placeOf(event)), Math.max(from, placeOf(event))];
    stop();
    if (right - left >= LEAST_PX) plot.setScale("x", { min: plot.posToVal(left, "x"), max: plot.posToVal(right, "x") });
  };
  const stop = () => {
    from = null;
    choose(0, 0);
  };
  over.style.touchAction = "pan-y"; // up and down is still the page's
  over.addEventListener("pointerdown", begin);
  over.addEventListener("pointermove", go);
  over.addEventListener("pointerup", end);
  over.addEventListener("pointercancel", stop);
  return () => {
    over.removeEventListener("pointerdown", begin);
    over.removeEventListener("pointermove", go);
    over.removeEventListener("pointerup", end);
    over.removeEventListener("pointercancel", stop);
  };
}
