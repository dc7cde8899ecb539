// What each card of the wall needs beside its newest value: the last day in steps and the newest forecast. Fetched once per asset and refreshed quietly.
import { signal } from "@preact/signals";
import type { Asset, ForecastPage } from "../core/contract";
import { mainQuantity } from "../core/fleet";
import { get } from "../core/http";
import { onLive } from "../core/live";
import { readingsOf } from "../core/readings";
import type { SparkPoint } from "../charts/sparkline";

export interface ExpectedPoint extends SparkPoint { low: number; high: number }
export interface Outlook { past: SparkPoint[]; future: ExpectedPoint[]; at: number; step: number }

export const outlooks = signal<ReadonlyMap<string, Outlook>>(new Map());
/** More cards than this get no sparkline; a wall of hundreds of plants is a list, not a chart. */
export const MOST = 32;
const REFRESH_MS = 60_000;
/** Sooner when the data runs ahead, as in a fast demo. */
const HURRY_MS = 10_000;
const waiting = new Set<string>();

/** Asks for what is missing or old; at most four assets at a time. */
export async function loadOutlooks(wanted: Asset[]): Promise<void> {
  const queue = wanted.slice(0, MOST).filter((asset) => {
    const known = outlooks.value.get(asset.id);
    if (waiting.has(asset.id) || !asset.latest) return false;
    const behind = known ? Date.parse(asset.latest.time) - (known.past[known.past.length - 1]?.ms ?? 0) : 0;
    return !known || Date.now() - known.at > (behind > 2 * 3_600_000 ? HURRY_MS : REFRESH_MS);
  });
  for (const asset of queue) waiting.add(asset.id);
  const worker = async () => { for (let asset = queue.shift(); asset; asset = queue.shift()) await load(asset); };
  await Promise.all([worker(), worker(), worker(), worker()]);
}
onLive("forecast", (data) => {
  const id = (data as { asset_id?: string }).asset_id;
  const known = id ? outlooks.value.get(id) : undefined;
  if (id && known) outlooks.value = new Map(outlooks.value).set(id, { ...known, at: 0 });
});

async function load(asset: Asset): Promise<void> {
  const quantity = mainQuantity(asset);
  const last = Date.parse(asset.latest?.time ?? "");
  const measured = asset.latest?.values[quantity] !== undefined;
  try {
    const [readings, forecast] = await Promise.all([
      measured ? readingsOf(asset.id, quantity, last - 86_400_000, last + 1000, "PT1H") : undefined,
      asset.forecast_quantities?.includes(quantity)
        ? get<ForecastPage>("/forecasts", { asset_id: asset.id, quantity }).catch(() => undefined)
        : undefined,
    ]);
    const past = (readings?.rows ?? []).flatMap((row) => { const value = row[quantity]; return typeof value === "number" ? [{ ms: Date.parse(row.time), value }] : []; });
    const future: ExpectedPoint[] = [];
    if (forecast) {
      const place = (level: number) => forecast.quantiles.reduce((best, q, i) => (Math.abs(q - level) < Math.abs((forecast.quantiles[best] ?? 9) - level) ? i : best), 0);
      const [low, mid, high] = [place(0.1), place(0.5), place(0.9)];
      for (const row of forecast.rows) {
        const value = row.values[mid];
        if (value != null) future.push({ ms: Date.parse(row.valid_time), value, low: row.values[low] ?? value, high: row.values[high] ?? value });
      }
    }
    const step = future[1] && future[0] ? future[1].ms - future[0].ms : 3_600_000;
    outlooks.value = new Map(outlooks.value).set(asset.id, { past, future, at: Date.now(), step });
  } catch {
    // A card without its sparkline still tells the newest value; the fleet's own error state covers an unreachable server.
    outlooks.value = new Map(outlooks.value).set(asset.id, { past: [], future: [], at: Date.now(), step: 3_600_000 });
  } finally { waiting.delete(asset.id); }
}

/** The forecast for the interval that holds `ms`. */
export function expectedAt(outlook: Outlook | undefined, ms: number): ExpectedPoint | undefined {
  return outlook?.future.findLast((point) => point.ms <= ms && ms < point.ms + outlook.step);
}

export const nextDay = (outlook: Outlook, after: number) => outlook.future.filter((point) => point.ms > after && point.ms <= after + 86_400_000);

/** Adds series of several assets where all of them have a value. */
export function addUp(series: SparkPoint[][]): SparkPoint[] {
  const sums = new Map<number, { value: number; count: number }>();
  for (const points of series) for (const { ms, value } of points) {
    const sum = sums.get(ms);
    if (sum) { sum.value += value; sum.count += 1; } else sums.set(ms, { value, count: 1 });
  }
  return [...sums].filter(([, sum]) => sum.count === series.length).map(([ms, { value }]) => ({ ms, value })).sort((a, b) => a.ms - b.ms);
}
