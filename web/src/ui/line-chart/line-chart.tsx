/** A series over steps: the raw line faint, the smoothed one strong, a part by dragging; a table for who cannot see it. */
import "uplot/dist/uPlot.min.css";

import { Button, useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";

import { chooseByTouch } from "./choose-by-touch";
import classes from "./line-chart.module.css";
import { smoothed } from "./smoothing";

export interface LineChartProps {
  readonly steps: readonly number[];
  readonly values: readonly number[];
  readonly smoothing: number;
  readonly label: string;
  readonly height?: number;
  readonly format: (value: number) => string;
}

const TABLE_ROWS = 20;
/** Between two marks below the chart: there is no half step. */
const STEPS_APART = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power));

export function LineChart({ steps, values, smoothing, label, height = 260, format }: LineChartProps) {
  const { t } = useTranslation("ui");
  const scheme = useComputedColorScheme("light");
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const data: uPlot.AlignedData = [[...steps], [...values], smoothed(values, smoothing)];
  const latest = useRef(data);
  const [part, setPart] = useState<readonly [number, number] | null>(null);
  useEffect(() => {
    latest.current = data;
  });

  useEffect(() => {
    const node = place.current;
    if (node === null) return;
    const colour = (name: string) => getComputedStyle(node).getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--mantine-color-dimmed"),
      grid: { stroke: colour("--enogu-hairline"), width: 1 },
      ticks: { show: false },
    };
    const plot = new uPlot(
      {
        width: node.clientWidth || 300,
        height,
        legend: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, incrs: STEPS_APART },
          { ...axis, size: 64, values: (_, marks) => marks.map(format) },
        ],
        series: [
          {},
          { stroke: colour("--enogu-series-1"), width: 1, alpha: 0.35, points: { show: false } },
          { stroke: colour("--enogu-series-1"), width: 2, points: { show: false } },
        ],
        hooks: { setScale: [(zoomed, key) => key === "x" && setPart(shownPart(zoomed))] },
      },
      latest.current,
      node,
    );
    chart.current = plot;
    const resized = new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height }));
    resized.observe(node);
    const stopTouch = chooseByTouch(plot);
    return () => {
      stopTouch();
      resized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [scheme, height, format]);

  useEffect(() => {
    const plot = chart.current;
    if (plot === null) return;
    if (shownPart(plot) === null) plot.setData(data);
    else {
      plot.setData(data, false); // a zoom survives new points
      plot.redraw(); // which uPlot leaves to us when the scales stay
    }
  });

  const every = Math.max(1, Math.ceil(steps.length / TABLE_ROWS));
  return (
    <figure style={{ margin: 0 }}>
      <div ref={place} role="img" aria-label={label} />
      <figcaption className={classes.below}>
        <span className={classes.raw}>{t("chart.raw")}</span>
        <span className={classes.smooth}>{t("chart.smooth")}</span>
        {part === null ? (
          <span>{t("chart.howToZoom")}</span>
        ) : (
          <>
            <span>{t("chart.part", { from: Math.ceil(part[0]), to: Math.floor(part[1]) })}</span>
            <Button size="compact-sm" variant="default" onClick={() => showAll(chart.current)}>
              {t("chart.whole")}
            </Button>
          </>
        )}
      </figcaption>
      <details className={classes.table}>
        <summary>{t("chart.table")}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("chart.step")}</th>
              <th scope="col">{label}</th>
            </tr>
          </thead>
          <tbody>
            {steps.map((step, place) =>
              place % every === 0 || place === steps.length - 1 ? (
                <tr key={step}>
                  <td>{step}</td>
                  <td>{format(values[place] ?? 0)}</td>
                </tr>
              ) : null,
            )}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** From where to where, when that is less than all. */
function shownPart(plot: uPlot): [number, number] | null {
  const { min, max } = plot.scales["x"] ?? {};
  const [steps] = plot.data;
  const [first, last] = [steps[0], steps.at(-1)];
  if (min == null || max == null || first === undefined || last === undefined) return null;
  return min > first || max < last ? [min, max] : null;
}

function showAll(plot: uPlot | null) {
  plot?.setData(plot.data, true);
}
