// The fleet as the server last told it: assets with their newest values, who belongs to whom, what is stale, and the nation's sums.
import { computed, signal } from "@preact/signals";
import type { Asset, Kind } from "./contract";
import { get, Problem, session } from "./http";
import { heard, onLive, serverNow } from "./live";
import { durationMs, tick } from "./time";

export const assets = signal<Asset[] | undefined>(undefined);
export const fleetError = signal<Problem | undefined>(undefined);

let busy = false;
let lastLoad = 0;
/** What time the server had when it told the fleet; in a fast demo its clock runs far ahead between two readings. */
let readAt: { server: number; ours: number } | undefined;
/** Reads the fleet again; calls that come too soon after another are dropped unless forced. */
export async function loadFleet(force = false): Promise<void> {
  if (!session.value || busy || (!force && Date.now() - lastLoad < 4000)) return;
  busy = true;
  try {
    const answer = (await get<{ assets: Asset[] }>("/assets", { include: "latest" })).assets;
    readAt = heard.value ? { server: serverNow.value, ours: Date.now() } : undefined;
    assets.value = answer;
    fleetError.value = undefined;
  } catch (problem) {
    fleetError.value = problem instanceof Problem ? problem : new Problem(0, "bad_answer", String(problem), String(problem));
  } finally { busy = false; lastLoad = Date.now(); }
}
onLive("telemetry", () => void loadFleet());
onLive("hello", () => void loadFleet(true));
setInterval(() => { if (Date.now() - lastLoad > 60_000) void loadFleet(); }, 15_000);

export const assetById = computed(() => new Map((assets.value ?? []).map((asset) => [asset.id, asset])));
export const childrenOf = computed(() => {
  const map = new Map<string, Asset[]>();
  for (const asset of assets.value ?? []) {
    if (!asset.parent_id) continue;
    const list = map.get(asset.parent_id);
    if (list) list.push(asset); else map.set(asset.parent_id, [asset]);
  }
  for (const list of map.values()) list.sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  return map;
});

export const UNIT_KINDS = new Set<Kind>(["wind_turbine", "pv_inverter", "pv_tracker"]);
const WIND = new Set<Kind>(["wind_plant", "wind_turbine"]);
const SOLAR = new Set<Kind>(["pv_plant", "pv_inverter"]);
const DEMAND = new Set<Kind>(["region", "meter"]);

/** The quantity that says how much an asset produces or takes. */
export function mainQuantity(asset: Asset): string {
  const values = asset.latest?.values ?? {};
  if (DEMAND.has(asset.kind)) {
    if ("load" in values || asset.forecast_quantities?.includes("load")) return "load";
    if (!("active_power" in values) && "net_load" in values) return "net_load";
    return "active_power" in values ? "active_power" : "load";
  }
  if (asset.kind === "weather_station") return "ghi" in values ? "ghi" : "wind_speed";
  return "active_power" in values || !("load" in values) ? "active_power" : "load";
}
export const mainValue = (asset: Asset): number | null => asset.latest?.values[mainQuantity(asset)] ?? null;
/** Stored unit of the main quantity. */
export const mainUnit = (asset: Asset) => ({ wind_speed: "m/s", ghi: "W/m2" } as Record<string, string>)[mainQuantity(asset)] ?? "kW";
export const isProducer = (asset: Asset) => WIND.has(asset.kind) || SOLAR.has(asset.kind) || asset.kind === "pv_tracker";

export function ageOf(asset: Asset): number | null {
  if (!asset.latest) return null;
  const now = readAt ? readAt.server + (tick.value - readAt.ours) : serverNow.value;
  return Math.max(0, now - Date.parse(asset.latest.time));
}
export function isStale(asset: Asset): boolean {
  const age = ageOf(asset);
  const step = durationMs(asset.attributes["resolution"]) ?? 3_600_000;
  return age === null || age > Math.max(45 * 60_000, 3 * step);
}

export interface Family { name: "wind" | "solar" | "load"; members: Asset[]; total: number | null; capacity: number | null; stale: boolean }

/** Members of a family that no other member contains: a plant counts, its turbines do not. */
function family(name: Family["name"], kinds: Set<Kind>): Family {
  const byId = assetById.value;
  const has = (asset: Asset) => kinds.has(asset.kind) && mainValue(asset) !== null;
  const members = (assets.value ?? []).filter((asset) => {
    if (!has(asset)) return false;
    for (let up = asset.parent_id ? byId.get(asset.parent_id) : undefined, hops = 0; up && hops < 16; up = up.parent_id ? byId.get(up.parent_id) : undefined, hops += 1) if (has(up)) return false;
    return true;
  });
  const capacities = members.map((asset) => asset.capacity_kw);
  return {
    name, members,
    total: members.length ? members.reduce((sum, asset) => sum + (mainValue(asset) ?? 0), 0) : null,
    capacity: capacities.length && capacities.every((value) => value !== null) ? capacities.reduce((sum: number, value) => sum + (value ?? 0), 0) : null,
    stale: members.some(isStale),
  };
}
export const families = computed(() => ({ wind: family("wind", WIND), solar: family("solar", SOLAR), load: family("load", DEMAND) }));

/** Cards of the wall: plants and everything that is neither a unit of a known plant nor a bus; north first. */
export const wallAssets = computed(() => {
  const byId = assetById.value;
  const north = (asset: Asset) => asset.latitude ?? -90;
  return (assets.value ?? [])
    .filter((asset) => !(UNIT_KINDS.has(asset.kind)) && asset.kind !== "bus" && !(asset.kind === "weather_station" && asset.parent_id && byId.has(asset.parent_id)))
    .sort((a, b) => north(b) - north(a) || a.name.localeCompare(b.name));
});

/** Units whose parent is not in the register, grouped by the parent's name. */
export const looseUnits = computed(() => {
  const groups = new Map<string, Asset[]>();
  for (const asset of assets.value ?? []) {
    if (!UNIT_KINDS.has(asset.kind) || (asset.parent_id && assetById.value.has(asset.parent_id))) continue;
    const name = asset.parent_id ?? "";
    groups.set(name, [...(groups.get(name) ?? []), asset]);
  }
  return groups;
});
