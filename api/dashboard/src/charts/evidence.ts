// Charts of an alert's evidence: a signal against its expectation with its neighbours behind it, and where a worsening signal leads.
// Not here: what the detector concluded; that is told beside the charts.
import type uPlot from "uplot";
import type { AlertEvidence, EvidenceSignal, IncidentSpan, TrendOutlook } from "../core/contract";
import { readable, showNumber, signalDigits, t } from "../core/words";
import { type Drawing, markLine, type Palette, quiet, seconds, timeAxis, valueAxis, wallClock } from "./plot";

type Values = (number | null)[];
const DAY = 86_400_000;

/** Stretches during which something was wrong, in ms; the last one lasts to the end of the window while the incident is open. */
export const spansOf = (incidents: IncidentSpan[], to: string): [number, number][] =>
  incidents.map(({ opened_at, closed_at }) => [Date.parse(opened_at), closed_at ? Date.parse(closed_at) : Date.parse(to)]);

/** The unit and factor people read a signal in. */
export function scaleOf(signal: EvidenceSignal) {
  const largest = [...signal.observed, ...signal.expected].reduce((most: number, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  return readable(signal.unit, largest);
}

/** What all charts of an alert share; the words of its lines are written on one of them. */
interface Window { from: number; to: number; since: number; spans: [number, number][]; named: boolean }

/** Observed in ink, expected in the accent colour, neighbours thin behind them; the incident shaded, and so is the gap within it. */
export function drawEvidence(signal: EvidenceSignal, window: Window, zone: string, sync: string, colours: Palette): Drawing {
  const xs = signal.times.map(seconds);
  const { unit, factor } = scaleOf(signal);
  const scaled = (values: Values) => values.map((value) => (value === null ? null : value * factor));
  const observed = scaled(signal.observed);
  const expected = scaled(signal.expected);
  const inside = xs.map((at) => window.spans.some(([from, to]) => at * 1000 >= Math.min(from, window.since) && at * 1000 <= to));
  const behind = (u: uPlot) => {
    shade(u, window.spans.map(([from, to]) => [Math.min(from, Math.max(window.since, window.from)), to]), colours.criticalSoft);
    gap(u, xs, observed, expected, inside, colours.critical);
  };
  return {
    data: [xs, ...signal.neighbours.map((neighbour) => scaled(neighbour.values)), expected, observed] as uPlot.AlignedData,
    options: {
      ...quiet(colours, sync),
      tzDate: wallClock(zone),
      scales: { x: { time: true, range: [window.from / 1000, window.to / 1000] } },
      axes: [timeAxis(colours, zone), valueAxis(colours, unit, 56)],
      series: [
        {},
        ...signal.neighbours.map((): uPlot.Series => ({ stroke: colours.muted, width: 1, alpha: 0.55, points: { show: false } })),
        { stroke: colours.accent, width: 2, points: { show: false } },
        { stroke: colours.ink, width: 1.4, points: { show: false } },
      ],
      hooks: {
        drawAxes: [behind],
        draw: [(u) => {
          markLine(u, window.since, colours.critical, window.named ? t("since") : "", true);
          const raised = window.spans[0]?.[0];
          if (raised !== undefined && raised - window.since > (window.to - window.from) / 200) markLine(u, raised, colours.critical, window.named ? t("raisedHere") : "", false, 16);
        }],
      },
    },
  };
}

function shade(u: uPlot, spans: [number, number][], colour: string): void {
  const { ctx } = u;
  const [left, right] = [u.bbox.left, u.bbox.left + u.bbox.width];
  const place = (ms: number) => Math.min(right, Math.max(left, u.valToPos(ms / 1000, "x", true)));
  ctx.save();
  ctx.fillStyle = colour;
  for (const [from, to] of spans) ctx.fillRect(place(from), u.bbox.top, Math.max(devicePixelRatio, place(to) - place(from)), u.bbox.height);
  ctx.restore();
}

/** The area between what was measured and what was expected, where the incident lasted. */
function gap(u: uPlot, xs: number[], observed: Values, expected: Values, inside: boolean[], colour: string): void {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.2;
  ctx.beginPath();
  for (let i = 1; i < xs.length; i += 1) {
    const corners = [observed[i - 1], observed[i], expected[i], expected[i - 1]];
    if (!inside[i - 1] || !inside[i] || corners.some((value) => value === null || value === undefined)) continue;
    const [left, right] = [u.valToPos(xs[i - 1] ?? 0, "x", true), u.valToPos(xs[i] ?? 0, "x", true)];
    const [a, b, c, d] = corners.map((value) => u.valToPos(value ?? 0, "y", true));
    ctx.moveTo(left, a ?? 0); ctx.lineTo(right, b ?? 0); ctx.lineTo(right, c ?? 0); ctx.lineTo(left, d ?? 0); ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}

/** What came before (where the signal is told), the limit, and the band of ways to reach it. */
export function drawTrend(outlook: TrendOutlook, told: AlertEvidence | undefined, now: number, zone: string, colours: Palette): Drawing {
  const { unit, factor } = readable(outlook.unit, Math.max(outlook.limit, outlook.level));
  const signal = told?.signals.find((one) => one.quantity === outlook.quantity);
  const times = signal?.times.map((time) => Date.parse(time)) ?? [];
  const past: [number, number | null][] = times.map((ms, i): [number, number | null] => [ms, signal?.observed[i] ?? null]).filter(([ms]) => ms <= now);
  const when = (time: string | null) => (time === null ? null : Date.parse(time));
  const [earliest, median, latest] = [Date.parse(outlook.earliest), when(outlook.median), when(outlook.latest)];
  const farthest = Math.max(earliest, median ?? 0, latest ?? 0, now + DAY);
  const reach = latest === null ? Math.min(now + 90 * DAY, Math.max(farthest + 0.4 * (farthest - now), now + 5 * DAY)) : farthest;
  const end = reach + 0.04 * (reach - now);
  // No more past than future, so that the way to the limit can be read.
  const begin = Math.max(past[0]?.[0] ?? now - 2 * DAY, now - Math.max(3 * DAY, 1.2 * (end - now)));
  const shown = past.filter(([ms]) => ms >= begin);
  const [level, limit] = [outlook.level * factor, outlook.limit * factor];
  const xs = [...shown.map(([ms]) => ms / 1000), now / 1000, end / 1000];
  const ys = [...shown.map(([, value]) => (value === null ? null : value * factor)), null, null];
  const lowest = Math.min(level, limit, ...ys.flatMap((value) => (value === null ? [] : [value])));
  const highest = Math.max(level, limit, ...ys.flatMap((value) => (value === null ? [] : [value])));
  const room = (highest - lowest || 1) * 0.1;
  const cone = (u: uPlot) => {
    const { ctx } = u;
    const x = (ms: number) => u.valToPos(ms / 1000, "x", true);
    const y = (value: number) => u.valToPos(value, "y", true);
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.fillStyle = colours.critical;
    ctx.globalAlpha = 0.16;
    ctx.beginPath();
    ctx.moveTo(x(now), y(level));
    ctx.lineTo(x(earliest), y(limit));
    if (latest === null) { ctx.lineTo(x(end), y(limit)); ctx.lineTo(x(end), y(level)); } else ctx.lineTo(x(latest), y(limit));
    ctx.closePath();
    ctx.fill();
    ctx.globalAlpha = 1;
    const line = (from: [number, number], to: [number, number], colour: string, width: number, dash: number[]) => {
      ctx.strokeStyle = colour; ctx.lineWidth = width * ratio; ctx.setLineDash(dash.map((one) => one * ratio));
      ctx.beginPath(); ctx.moveTo(...from); ctx.lineTo(...to); ctx.stroke();
    };
    line([u.bbox.left, y(limit)], [u.bbox.left + u.bbox.width, y(limit)], colours.critical, 1.25, [5, 4]);
    if (median !== null) line([x(now), y(level)], [x(median), y(limit)], colours.critical, 2, []);
    const dot = (ms: number, value: number, colour: string) => { ctx.fillStyle = colour; ctx.beginPath(); ctx.arc(x(ms), y(value), 3.6 * ratio, 0, 7); ctx.fill(); };
    dot(now, level, colours.ink);
    for (const ms of [earliest, median, latest]) if (ms !== null) dot(ms, limit, colours.critical);
    ctx.setLineDash([]);
    ctx.fillStyle = colours.critical;
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.documentElement).getPropertyValue("--font")}`;
    ctx.textBaseline = limit >= level ? "top" : "bottom";
    ctx.textAlign = "left";
    ctx.fillText(`${t("limit")} ${showNumber(limit, signalDigits(Math.max(limit, level), unit))} ${unit}`, u.bbox.left + 4 * ratio, y(limit) + (limit >= level ? 4 : -4) * ratio);
    ctx.restore();
  };
  return {
    data: [xs, ys] as uPlot.AlignedData,
    options: {
      ...quiet(colours),
      tzDate: wallClock(zone),
      scales: { x: { time: true, range: [begin / 1000, end / 1000] }, y: { range: [lowest - room, highest + room] } },
      axes: [timeAxis(colours, zone), valueAxis(colours, unit, 56)],
      series: [{}, { stroke: colours.ink, width: 1.2, points: { show: false } }],
      hooks: { draw: [cone, (u) => markLine(u, now, colours.muted, t("now"), true, limit >= level ? u.bbox.height / devicePixelRatio - 15 : 2)] },
    },
  };
}
