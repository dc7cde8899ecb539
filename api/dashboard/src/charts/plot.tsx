// uPlot inside Preact: made again when its inputs change (the cursor stays where it was), sized with its box, coloured from the stylesheet,
// readable with the arrow keys.
// What is drawn is said by the caller (`make`); nothing about forecasts or turbines here.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { dark, language } from "../core/settings";
import { offsetMinutes, showDay, showTime } from "../core/time";
import { showNumber } from "../core/words";

export interface Palette {
  ink: string; muted: string; faint: string; grid: string; panel: string; accent: string; accentSoft: string;
  wind: string; solar: string; load: string; critical: string; criticalSoft: string; warning: string; font: string;
}

function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: read("ink"), muted: read("muted"), faint: read("faint"), grid: read("grid"), panel: read("panel"), accent: read("accent"), accentSoft: read("accent-soft"),
    wind: read("wind"), solar: read("solar"), load: read("load"), critical: read("critical"), criticalSoft: read("critical-soft"), warning: read("warning"), font: `11px ${read("font")}`,
  };
}

export interface Drawing { options: Omit<uPlot.Options, "width" | "height">; data: uPlot.AlignedData }

interface PlotProps {
  label: string;
  height: number;
  /** Anything whose change means: draw again. */
  inputs: unknown[];
  make: (palette: Palette) => Drawing;
  onCursor?: (index: number | null) => void;
}

export function Plot({ label, height, inputs, make, onCursor }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const told = useRef(onCursor);
  told.current = onCursor;
  const pointedAt = useRef<number | null>(null);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const { options, data } = make(palette());
    const follow = (u: uPlot) => {
      const index = u.cursor.idx ?? null;
      pointedAt.current = index === null ? null : u.data[0][index] ?? null;
      told.current?.(index);
    };
    const restore = (u: uPlot) => { if (pointedAt.current !== null) u.setCursor({ left: u.valToPos(pointedAt.current, "x"), top: u.over.clientHeight / 2 }); };
    const hooks = { ...options.hooks, ready: [...(options.hooks?.ready ?? []), restore], setCursor: [...(options.hooks?.setCursor ?? []), follow] };
    const made = new uPlot({ ...options, hooks, width: Math.max(120, element.clientWidth), height }, data, element);
    plot.current = made;
    const watch = new ResizeObserver(() => {
      const width = Math.max(120, element.clientWidth);
      if (width !== made.width) made.setSize({ width, height });
    });
    watch.observe(element);
    return () => { watch.disconnect(); made.destroy(); plot.current = null; };
  }, [...inputs, height, dark.value, language.value]);

  const step = (event: KeyboardEvent) => {
    const u = plot.current;
    if (!u || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    const xs = u.data[0];
    const from = u.cursor.idx ?? Math.floor(xs.length / 2);
    const to = Math.min(xs.length - 1, Math.max(0, from + (event.key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 6 : 1)));
    u.setCursor({ left: u.valToPos(xs[to] ?? 0, "x"), top: u.over.clientHeight / 2 });
  };
  return <div class="plot" dir="ltr" role="img" aria-label={label} tabIndex={0} ref={box} onKeyDown={step} />;
}

/** An x axis of time in the wall clock of `zone`: hours, and the day where it begins. */
export function timeAxis(colours: Palette, zone: string, hidden = false): uPlot.Axis {
  return {
    stroke: colours.muted, font: colours.font, space: 62, gap: 4,
    // One line of words or two: no room is kept for a second line that is not there.
    size: (_u, values) => (hidden ? 6 : !values || values.some((word) => word.includes("\n")) ? 38 : 24),
    grid: { stroke: colours.grid, width: 1 }, ticks: { show: false },
    values: (_u, splits, _axis, _space, step) => {
      const startsDay = (at: number) => (((at + offsetMinutes(at * 1000, zone) * 60) % 86_400) + 86_400) % 86_400 < step;
      // The first label names its day too, unless the next day's name would touch it.
      const roomAtStart = !splits.slice(1, 2).some(startsDay);
      return splits.map((at, i) => {
        const ms = at * 1000;
        if (hidden) return "";
        if (step >= 86_400) return showDay(ms, zone).replace(/^\S+\s/, "");
        return startsDay(at) || (i === 0 && roomAtStart) ? `${showTime(ms, zone)}\n${showDay(ms, zone)}` : showTime(ms, zone);
      });
    },
  };
}

export function valueAxis(colours: Palette, unit: string, size = 46): uPlot.Axis {
  return {
    stroke: colours.muted, font: colours.font, size, space: 42, gap: 6, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false },
    values: (_u, splits, _axis, _space, step) => splits.map((value, i) => {
      const text = showNumber(value, step >= 1 ? 0 : step >= 0.1 ? 1 : 2);
      return i === splits.length - 1 ? `${text} ${unit}` : text;
    }),
  };
}

/** Makes uPlot's calendar follow the wall clock of `zone`. */
export function wallClock(zone: string): (seconds: number) => Date {
  return (seconds) => {
    const shown = new Date(seconds * 1000 + offsetMinutes(seconds * 1000, zone) * 60_000);
    return new Date(shown.getTime() + shown.getTimezoneOffset() * 60_000);
  };
}

/** A vertical line at `ms` with a word above it. */
export function markLine(u: uPlot, ms: number, colour: string, word: string, dashed = false, lower = 2): void {
  const x = Math.round(u.valToPos(ms / 1000, "x", true));
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = ratio;
  ctx.setLineDash(dashed ? [3 * ratio, 3 * ratio] : []);
  ctx.beginPath();
  ctx.moveTo(x, u.bbox.top);
  ctx.lineTo(x, u.bbox.top + u.bbox.height);
  ctx.stroke();
  if (word) {
    ctx.fillStyle = colour;
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.documentElement).getPropertyValue("--font")}`;
    ctx.textBaseline = "top";
    const right = x + ctx.measureText(word).width + 6 * ratio > u.bbox.left + u.bbox.width;
    ctx.textAlign = right ? "right" : "left";
    ctx.fillText(word, x + (right ? -4 : 4) * ratio, u.bbox.top + lower * ratio);
  }
  ctx.restore();
}

export const seconds = (iso: string) => Date.parse(iso) / 1000;

/** Settings shared by all charts: no legend of uPlot's own, a quiet cursor. */
export function quiet(colours: Palette, sync?: string): Pick<uPlot.Options, "legend" | "cursor" | "padding"> {
  return {
    legend: { show: false },
    padding: [10, 18, 0, 0],
    cursor: {
      y: false, drag: { x: false, y: false }, focus: { prox: -1 },
      points: { size: 6, width: 1.5, fill: colours.panel },
      ...(sync ? { sync: { key: sync } } : {}),
    },
  };
}
