// A maintenance plan and what lies behind it: visits put together as a crew sees them, and the production expected of the plants meanwhile.
// Not here: how visits are chosen; that is the server's.
import { signal } from "@preact/signals";
import type { ForecastPage, Plan, PlanRequest, Visit } from "./contract";
import { assetById } from "./fleet";
import { get, post, Problem } from "./http";

const HOUR = 3_600_000;

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

/** What the last plan was asked with; kept while one looks at another page. */
export const planRequest = signal<PlanRequest>({ days: 7 });
/** What a plan without wishes was made with: the configuration. */
export const configured = signal<Plan["inputs"]>(undefined);
/** Planning takes the server seconds, so coming back within this time shows the same plan. */
const FRESH_MS = 120_000;
let last: { asked: PlanRequest; plan: Plan; at: number } | undefined;

export async function askPlan(request: PlanRequest, again: boolean, abort: AbortSignal): Promise<Plan> {
  if (!again && last?.asked === request && Date.now() - last.at < FRESH_MS) return last.plan;
  const plan = await post<Plan>("/maintenance/plan", request, abort);
  if (!plan) throw new Problem(0, "bad_answer", "empty answer", "");
  if (Object.keys(request).every((name) => name === "days")) configured.value = plan.inputs;
  last = { asked: request, plan, at: Date.now() };
  return plan;
}

/** An hour of the plan: what is expected to be produced, and the strongest wind reckoned with. */
export interface Hour { ms: number; kw: number | null; wind: number | null }

/** The nearest asset at or above this one that is forecast: a turbine's plant where the turbine itself is not. */
function forecastOf(id: string): string | undefined {
  for (let asset = assetById.value.get(id), hops = 0; asset && hops < 8; asset = asset.parent_id ? assetById.value.get(asset.parent_id) : undefined, hops += 1) {
    if (asset.forecast_quantities?.includes("active_power")) return asset.id;
  }
  return undefined;
}

/** What lies behind the plan hour by hour: as the plan says, else the median of the plants' newest forecasts added up. */
export async function conditionsOf(plan: Plan, abort: AbortSignal): Promise<Hour[]> {
  const told = plan.conditions;
  if (told) return told.times.map((time, i) => ({ ms: Date.parse(time), kw: told.production_kw[i] ?? null, wind: told.wind_speed[i] ?? null }));
  const plants = [...new Set([...plan.visits, ...plan.left_out].flatMap(({ asset_id }) => forecastOf(asset_id) ?? []))];
  const pages = (await Promise.all(plants.map((asset_id) => get<ForecastPage>("/forecasts", { asset_id, quantity: "active_power" }, abort).catch((problem: unknown) => {
    if (abort.aborted) throw problem;
    return [];
  })))).flat();
  const sums = new Map<number, { kw: number; count: number }>();
  for (const page of pages) {
    const middle = page.quantiles.reduce((best, quantile, i) => (Math.abs(quantile - 0.5) < Math.abs((page.quantiles[best] ?? 9) - 0.5) ? i : best), 0);
    for (const { valid_time, values } of page.rows) {
      const ms = Date.parse(valid_time);
      if (ms % HOUR !== 0) continue;
      const before = sums.get(ms) ?? { kw: 0, count: 0 };
      sums.set(ms, { kw: before.kw + (values[middle] ?? 0), count: before.count + 1 });
    }
  }
  // An hour that not all plants are forecast for would look like a calm one.
  return [...sums].filter(([, sum]) => sum.count === pages.length).map(([ms, { kw }]) => ({ ms, kw, wind: null })).sort((a, b) => a.ms - b.ms);
}
