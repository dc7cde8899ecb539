// Charts of one machine: power curve with its points, a signal against its expectation, the residual score with its limit, a plain series.
import type uPlot from "uplot";
import type { AssetHealth, HealthSignal } from "../core/contract";
import { readable, t } from "../core/words";
import { type Drawing, markLine, type Palette, quiet, seconds, timeAxis, valueAxis, wallClock } from "./plot";

export function drawPowerCurve(health: AssetHealth, colours: Palette): Drawing {
  const curve = health.power_curve ?? { bins: [], points: [] };
  const bins = [...curve.bins].sort((a, b) => a.wind_speed - b.wind_speed);
  const largest = Math.max(1, ...bins.map((bin) => bin.expected_kw), ...curve.points.map((point) => point.active_power));
  const { unit, factor } = readable("kW", largest);
  const xs = bins.map((bin) => bin.wind_speed);
  const farthest = Math.max(15, ...curve.points.map((point) => point.wind_speed), ...xs);
  const lowest = Math.min(0, ...curve.points.map((point) => point.active_power)) * factor;
  const points = (u: uPlot) => {
    const { ctx } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    for (const strange of [false, true]) {
      ctx.fillStyle = strange ? colours.critical : colours.muted;
      ctx.globalAlpha = strange ? 0.9 : 0.4;
      for (const point of curve.points) {
        if (point.anomalous !== strange) continue;
        const x = u.valToPos(point.wind_speed, "x", true);
        const y = u.valToPos(point.active_power * factor, "y", true);
        ctx.beginPath();
        // Shape as well as colour: anomalous points are diamonds.
        if (strange) { const r = 3.4 * ratio; ctx.moveTo(x, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x, y + r); ctx.lineTo(x - r, y); } else ctx.arc(x, y, 1.6 * ratio, 0, 7);
        ctx.fill();
      }
    }
    ctx.restore();
  };
  return {
    data: [xs, bins.map((bin) => (bin.expected_kw + 2 * bin.spread_kw) * factor), bins.map((bin) => Math.max(0, bin.expected_kw - 2 * bin.spread_kw) * factor), bins.map((bin) => bin.expected_kw * factor)],
    options: {
      ...quiet(colours),
      scales: { x: { time: false, range: [0, farthest] }, y: { range: [lowest * 1.1, largest * factor * 1.08] } },
      axes: [{ ...valueAxis(colours, "m/s"), size: 26, space: 48 }, valueAxis(colours, unit, 62)],
      bands: [{ series: [1, 2], fill: colours.accentSoft }],
      series: [{}, { stroke: "transparent", width: 0, points: { show: false } }, { stroke: "transparent", width: 0, points: { show: false } }, { stroke: colours.accent, width: 2, points: { show: false } }],
      hooks: { draw: [points] },
    },
  };
}

/** Observed in ink, expected in the accent colour. */
export function drawSignal(signal: HealthSignal, zone: string, since: number | null, colours: Palette, bare = false): Drawing {
  const xs = signal.times.map(seconds);
  const { unit, factor } = readable(signal.unit, 0);
  const scaled = (values: (number | null)[]) => values.map((value) => (value === null ? null : value * factor));
  return {
    data: [xs, scaled(signal.expected), scaled(signal.observed)] as uPlot.AlignedData,
    options: {
      ...quiet(colours, bare ? undefined : `signal-${signal.quantity}`),
      tzDate: wallClock(zone),
      scales: { x: { time: true } },
      axes: [timeAxis(colours, zone, !bare), valueAxis(colours, unit, 52)],
      series: [{}, { stroke: colours.accent, width: 1.75, points: { show: false } }, { stroke: colours.ink, width: 1.25, points: { show: false } }],
      hooks: { draw: [(u) => { if (since !== null) markLine(u, since, colours.critical, t("since"), true); }] },
    },
  };
}

/** The residual score; what rises above the limit is filled in the alarm colour. */
export function drawScore(signal: HealthSignal, zone: string, colours: Palette): Drawing {
  const xs = signal.times.map(seconds);
  const over = signal.score.map((value) => (value === null ? null : Math.max(value, signal.limit)));
  const limit = xs.map(() => signal.limit);
  const highest = Math.max(signal.limit * 1.5, ...signal.score.map((value) => value ?? 0));
  return {
    data: [xs, over, limit, signal.score] as uPlot.AlignedData,
    options: {
      ...quiet(colours, `signal-${signal.quantity}`),
      tzDate: wallClock(zone),
      scales: { x: { time: true }, y: { range: [0, highest * 1.1] } },
      axes: [timeAxis(colours, zone), { ...valueAxis(colours, "", 52), space: 26 }],
      bands: [{ series: [1, 2], fill: `${colours.critical}66` }],
      series: [
        {},
        { stroke: "transparent", width: 0, points: { show: false } },
        { stroke: colours.critical, width: 1, dash: [4, 3], points: { show: false } },
        { stroke: colours.muted, width: 1.25, points: { show: false } },
      ],
    },
  };
}

export function drawSeries(xs: number[], values: (number | null)[], unit: string, zone: string, colours: Palette, since: number | null = null): Drawing {
  const largest = values.reduce((most: number, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  const scale = readable(unit, largest);
  return {
    data: [xs, values.map((value) => (value === null ? null : value * scale.factor))] as uPlot.AlignedData,
    options: {
      ...quiet(colours),
      tzDate: wallClock(zone),
      scales: { x: { time: true } },
      axes: [timeAxis(colours, zone), valueAxis(colours, scale.unit, 60)],
      series: [{}, { stroke: colours.accent, width: 1.5, points: { show: false } }],
      hooks: { draw: [(u) => { if (since !== null) markLine(u, since, colours.critical, t("since"), true); }] },
    },
  };
}
