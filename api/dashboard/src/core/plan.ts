// A maintenance plan and what lies behind it: visits put together as a crew sees them, and the production expected of the plants meanwhile.
// Not here: how visits are chosen; that is the server's.
import type { ForecastPage, Plan, PlanRequest, Visit } from "./contract";
import { assetById } from "./fleet";
import { get, post, Problem } from "./http";

/** One stay of a crew at one asset: all that is done there in one go. */
export interface Stay { key: string; crew: string; asset_id: string; asset_name: string; start: number; end: number; visits: Visit[] }

export function staysOf(visits: Visit[]): Stay[] {
  const stays = new Map<string, Stay>();
  for (const visit of visits) {
    const key = `${visit.crew}|${visit.asset_id}|${visit.start}|${visit.end}`;
    const known = stays.get(key);
    if (known) known.visits.push(visit);
    else stays.set(key, { key, crew: visit.crew, asset_id: visit.asset_id, asset_name: visit.asset_name, start: Date.parse(visit.start), end: Date.parse(visit.end), visits: [visit] });
  }
  return [...stays.values()].sort((a, b) => a.start - b.start || a.crew.localeCompare(b.crew));
}

export async function askPlan(request: PlanRequest, abort: AbortSignal): Promise<Plan> {
  const plan = await post<Plan>("/maintenance/plan", request, abort);
  if (!plan) throw new Problem(0, "bad_answer", "empty answer", "");
  return plan;
}

export interface Production { ms: number; kw: number }

/** The nearest asset at or above this one that is forecast: a turbine's plant where the turbine itself is not. */
function forecastOf(id: string): string | undefined {
  for (let asset = assetById.value.get(id), hops = 0; asset && hops < 8; asset = asset.parent_id ? assetById.value.get(asset.parent_id) : undefined, hops += 1) {
    if (asset.forecast_quantities?.includes("active_power")) return asset.id;
  }
  return undefined;
}

/** What the plants of the visits are expected to produce, as the median of their newest forecasts added up; empty where none is known. */
export async function expectedProduction(plan: Plan, abort: AbortSignal): Promise<Production[]> {
  const plants = [...new Set([...plan.visits, ...plan.left_out].flatMap(({ asset_id }) => forecastOf(asset_id) ?? []))];
  const pages = await Promise.all(plants.map((asset_id) => get<ForecastPage>("/forecasts", { asset_id, quantity: "active_power" }, abort).catch((problem: unknown) => {
    if (abort.aborted) throw problem;
    return undefined;
  })));
  const sums = new Map<number, { kw: number; count: number }>();
  let known = 0;
  for (const page of pages) {
    if (!page) continue;
    known += 1;
    const middle = page.quantiles.reduce((best, quantile, i) => (Math.abs(quantile - 0.5) < Math.abs((page.quantiles[best] ?? 9) - 0.5) ? i : best), 0);
    for (const { valid_time, values } of page.rows) {
      const ms = Date.parse(valid_time);
      const hour = Math.floor(ms / 3_600_000) * 3_600_000;
      if (ms !== hour) continue;
      const before = sums.get(hour) ?? { kw: 0, count: 0 };
      sums.set(hour, { kw: before.kw + (values[middle] ?? 0), count: before.count + 1 });
    }
  }
  return [...sums].filter(([, sum]) => sum.count === known).map(([ms, { kw }]) => ({ ms, kw })).sort((a, b) => a.ms - b.ms);
}
