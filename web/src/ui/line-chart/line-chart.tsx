/** A series over steps: the raw line faint, the smoothed one strong, zoom by dragging; a table for who cannot see it. */
import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";

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
      },
      latest.current,
      node,
    );
    chart.current = plot;
    const resized = new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height }));
    resized.observe(node);
    return () => {
      resized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [scheme, height, format]);

  useEffect(() => {
    const plot = chart.current;
    if (plot === null) return;
    const { min, max } = plot.scales["x"] ?? {};
    const isZoomed =
      min !== undefined && max !== undefined && (min > (plot.data[0][0] ?? min) || max < (plot.data[0].at(-1) ?? max));
    plot.setData(data, !isZoomed); // a zoom survives new points
  });

  const every = Math.max(1, Math.ceil(steps.length / TABLE_ROWS));
  return (
    <figure style={{ margin: 0 }}>
      <div ref={place} role="img" aria-label={label} />
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
