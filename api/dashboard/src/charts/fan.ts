// The fan chart: nested quantile bands, the median, and what was measured before and after the forecast was issued, on one time line.
import type uPlot from "uplot";
import type { ForecastPage, ReadingsPage } from "../core/contract";
import { readable, t, type Scaled } from "../core/words";
import { type Drawing, markLine, type Palette, quiet, timeAxis, valueAxis, wallClock } from "./plot";

export interface Row { ms: number; actual: number | null; values: (number | null)[] | null }
export interface Fan { quantiles: number[]; rows: Row[]; scale: Scaled; issue: number; medianAt: number; outer: [number, number] }

/** Lays forecast and measurements on one time line, in the stored unit. */
export function fanOf(page: ForecastPage, readings: ReadingsPage | undefined): Fan {
  const rows = new Map<number, Row>();
  for (const reading of readings?.rows ?? []) {
    const value = reading[page.quantity];
    if (typeof value === "number") rows.set(Date.parse(reading.time), { ms: Date.parse(reading.time), actual: value, values: null });
  }
  for (const { valid_time, values } of page.rows) {
    const ms = Date.parse(valid_time);
    rows.set(ms, { ms, actual: rows.get(ms)?.actual ?? null, values });
  }
  const order = page.quantiles.map((quantile, i) => [quantile, i] as const).sort((a, b) => a[0] - b[0]);
  const sorted = [...rows.values()].sort((a, b) => a.ms - b.ms)
    .map((row) => ({ ...row, values: row.values && order.map(([, i]) => row.values?.[i] ?? null) }));
  const quantiles = order.map(([quantile]) => quantile);
  let largest = 0;
  for (const row of sorted) for (const value of [row.actual, ...(row.values ?? [])]) largest = Math.max(largest, Math.abs(value ?? 0));
  const near = (wanted: number) => quantiles.reduce((best, quantile, i) => (Math.abs(quantile - wanted) < Math.abs((quantiles[best] ?? 9) - wanted) ? i : best), 0);
  return { quantiles, rows: sorted, scale: readable(page.unit, largest), issue: Date.parse(page.issue_time), medianAt: near(0.5), outer: [near(0.1), near(0.9)] };
}

/** How the forecast has done where measurements exist by now. */
export function scoreOf(fan: Fan): { count: number; error: number; bias: number; inside: number } | null {
  let count = 0; let error = 0; let bias = 0; let inside = 0;
  for (const { ms, actual, values } of fan.rows) {
    const median = values?.[fan.medianAt];
    const low = values?.[fan.outer[0]];
    const high = values?.[fan.outer[1]];
    if (ms < fan.issue || actual === null || median == null || low == null || high == null) continue;
    count += 1; error += Math.abs(median - actual); bias += median - actual;
    if (actual >= low && actual <= high) inside += 1;
  }
  return count ? { count, error: error / count, bias: bias / count, inside } : null;
}

export function drawFan(fan: Fan, zone: string, now: number, colours: Palette): Drawing {
  const { factor, unit } = fan.scale;
  const scaled = (value: number | null | undefined) => (value === null || value === undefined ? null : value * factor);
  const xs = fan.rows.map((row) => row.ms / 1000);
  const columns = fan.quantiles.map((_, i) => fan.rows.map((row) => scaled(row.values?.[i])));
  const actual = fan.rows.map((row) => scaled(row.actual));
  const count = fan.quantiles.length;
  const bands: uPlot.Band[] = [];
  for (let low = 0, high = count - 1; low < high; low += 1, high -= 1) bands.push({ series: [high + 1, low + 1], fill: colours.accentSoft });
  const hidden = { stroke: "transparent", width: 0, points: { show: false } };
  const zero = [...columns.flat(), ...actual].every((value) => value === null || value >= -1e-9);
  return {
    data: [xs, ...columns, actual] as uPlot.AlignedData,
    options: {
      ...quiet(colours),
      tzDate: wallClock(zone),
      scales: { x: { time: true }, y: { range: (_u, low, high) => [zero && low < high * 0.25 ? 0 : low - (high - low || 1) * 0.08, high + (high - low || 1) * 0.1] } },
      axes: [timeAxis(colours, zone), valueAxis(colours, unit, 58)],
      bands,
      series: [
        {},
        ...fan.quantiles.map((_, i): uPlot.Series => (i === fan.medianAt ? { stroke: colours.accent, width: 2, points: { show: false } } : { ...hidden, stroke: colours.accent })),
        { stroke: colours.ink, width: 1.75, points: { show: false }, spanGaps: false },
      ],
      hooks: { draw: [(u) => {
        markLine(u, fan.issue, colours.muted, t("issuedHere"));
        if (now > fan.issue + 1_800_000) markLine(u, now, colours.muted, t("now"), true, 14);
      }] },
    },
  };
}

