// What moves a forecast away from the usual level: bars of each group stacked up and down from zero, and their sum as a line.
import type uPlot from "uplot";
import type { Explanation, Group } from "../core/contract";
import { readable, type Scaled } from "../core/words";
import { type Drawing, type Palette, quiet, timeAxis, valueAxis, wallClock } from "./plot";

/** In the order they are stacked. */
export const MOVING = ["recent", "weather", "calendar"] as const satisfies readonly Group[];

export interface Moved { scale: Scaled; rows: { ms: number; value: number; usual: number; parts: number[]; away: number }[] }

/** The rows in the stored unit, parts in the order of `MOVING`. */
export function movedOf(told: Explanation): Moved {
  const place = (group: Group) => told.groups.indexOf(group);
  const rows = told.rows.map((row) => {
    const usual = row.contributions[place("usual")] ?? 0;
    return { ms: Date.parse(row.valid_time), value: row.value, usual, parts: MOVING.map((group) => row.contributions[place(group)] ?? 0), away: row.value - usual };
  });
  const largest = rows.reduce((most, row) => Math.max(most, Math.abs(row.value), Math.abs(row.usual)), 0);
  return { rows, scale: readable(told.unit, largest) };
}

export const colourOf = (group: Group, colours: Palette) => ({ usual: colours.faint, recent: colours.faint, weather: colours.wind, calendar: colours.load })[group];

export function drawReason(moved: Moved, zone: string, colours: Palette): Drawing {
  const { factor, unit } = moved.scale;
  const xs = moved.rows.map((row) => row.ms / 1000);
  const step = xs.length > 1 ? (xs[1] ?? 0) - (xs[0] ?? 0) : 3600;
  const total = (sign: number) => moved.rows.map((row) => row.parts.reduce((sum, part) => sum + (part * sign > 0 ? part : 0), 0) * factor);
  const [above, below] = [total(1), total(-1)];
  const [high, low] = [Math.max(0, ...above), Math.min(0, ...below)];
  const room = (high - low || 1) * 0.08;
  const bars = (u: uPlot) => {
    const { ctx } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    moved.rows.forEach((row, i) => {
      const left = u.valToPos((xs[i] ?? 0) - step / 2, "x", true);
      const width = u.valToPos((xs[i] ?? 0) + step / 2, "x", true) - left;
      const reached = { up: 0, down: 0 };
      row.parts.forEach((part, g) => {
        const way = part > 0 ? "up" : "down";
        const from = u.valToPos(reached[way] * factor, "y", true);
        reached[way] += part;
        const to = u.valToPos(reached[way] * factor, "y", true);
        ctx.fillStyle = colourOf(MOVING[g] ?? "recent", colours);
        ctx.fillRect(left, Math.min(from, to), Math.max(1, width - (width > 5 ? 1 : 0)), Math.abs(to - from));
      });
    });
    const zero = Math.round(u.valToPos(0, "y", true));
    ctx.fillStyle = colours.muted;
    ctx.fillRect(u.bbox.left, zero, u.bbox.width, devicePixelRatio);
    ctx.restore();
  };
  const hidden = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    data: [xs, moved.rows.map((row) => row.away * factor), above, below],
    options: {
      ...quiet(colours),
      tzDate: wallClock(zone),
      scales: { x: { time: true, range: [(xs[0] ?? 0) - step / 2, (xs[xs.length - 1] ?? 0) + step / 2] }, y: { range: [low - room, high + room] } },
      axes: [timeAxis(colours, zone), valueAxis(colours, unit, 58)],
      series: [{}, { stroke: colours.ink, width: 1.75, points: { show: false } }, hidden, hidden],
      hooks: { drawAxes: [bars] },
    },
  };
}
