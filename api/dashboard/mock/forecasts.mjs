// Believable forecasts: the truth of fleet.mjs, blurred more the longer the lead, with calibrated-looking quantiles, a verdict, a track record
// and a reason.
import { iso, noise, round, valuesAt } from "./fleet.mjs";

const HOUR = 3_600_000;
const QUANTILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const Z = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];
const SPREAD = { wind_plant: 0.13, wind_turbine: 0.15, pv_plant: 0.07, pv_inverter: 0.08, region: 0.036, transformer: 0.03 };
const MODELS = {
  wind: ["ridge", "persistence", [["ridge", 0.0612, 0.806], ["mstl", 0.0741, 0.781], ["ets", 0.0768, 0.744], ["persistence", 0.0803, 0.792], ["climatology", 0.1147, 0.812]]],
  pv: ["ridge", "clear_sky_persistence", [["ridge", 0.0283, 0.797], ["clear_sky_persistence", 0.0331, 0.771], ["mstl", 0.0402, 0.822], ["seasonal_naive", 0.0439, 0.783]]],
  load: ["ridge", "blend", [["ridge", 0.0118, 0.803], ["mstl", 0.0139, 0.778], ["blend", 0.0161, 0.801], ["seasonal_naive", 0.0212, 0.809], ["persistence", 0.0874, 0.755]]],
};

export const quantitiesOf = (a) => (a.kind === "region" ? ["load"] : ["wind_plant", "pv_plant", "transformer"].includes(a.kind) ? ["active_power"] : []);
export const issueTimes = (now, limit) => Array.from({ length: Math.min(limit, 120) }, (_, i) => Math.floor(now / (6 * HOUR)) * 6 * HOUR - i * 6 * HOUR);

export function forecastOf(a, quantity, issue, now) {
  const family = a.kind.startsWith("wind") ? "wind" : a.kind.startsWith("pv") ? "pv" : "load";
  const [model, best_naive, table] = MODELS[family];
  const rows = [];
  const size = a.capacity_kw && family !== "load" ? a.capacity_kw : 0;
  for (let k = 0; k < 48; k += 1) {
    const t = issue + k * HOUR;
    const truth = [10, 30, 50].reduce((total, m) => total + valuesAt(a, t + m * 60_000, now)[quantity], 0) / 3;
    const night = family === "pv" && truth < a.capacity_kw * 0.002;
    const grow = Math.min(1, 0.35 + 0.65 * Math.sqrt(k / 30));
    const base = size || truth;
    const sigma = night ? 0 : base * (SPREAD[a.kind] ?? 0.1) * grow * (family === "pv" ? Math.min(1, (truth / base) * 2 + 0.1) : 1);
    const centre = truth + sigma * 0.95 * noise(`${a.id}${issue}`, t, 7 * HOUR);
    rows.push({ valid_time: iso(t), values: Z.map((z) => round(Math.max(0, Math.min(size || Infinity, centre + z * sigma)))) });
  }
  const mine = table.find((row) => row[0] === model)[1];
  const naive = table.find((row) => row[0] === best_naive)[1];
  const kw = size || 2e5;
  return {
    notes: a.id === "tangier" ? [{ code: "weather_late", since: iso(issue - 5 * HOUR), text: "the newest weather run is late, an older one is used" }] : [],
    asset_id: a.id, quantity, unit: "kW", issue_time: iso(issue), model, model_version: "2026.11.3", resolution: "PT1H", interval_label: "beginning", quantiles: QUANTILES, rows,
    verdict: { model, best_naive, metric: "pinball", score: round(mine * kw), naive_score: round(naive * kw), skill: 1 - mine / naive, evaluated_at: iso(now - 9 * HOUR), table: table.map(([name, score, coverage_80]) => ({ model: name, score: round(score * kw), coverage_80 })) },
  };
}

/** What moves each step away from its usual level: weather for plants, the calendar at weekends and a little of the last days for demand. */
export function explanationOf(a, quantity, issue, now) {
  const page = forecastOf(a, quantity, issue, now);
  const groups = ["usual", "recent", "weather", "calendar"];
  const isDemand = !a.kind.startsWith("wind") && !a.kind.startsWith("pv");
  const rows = page.rows.map(({ valid_time, values }, k) => {
    const t = Date.parse(valid_time);
    const value = values[4];
    const usual = isDemand ? value / (1 + 0.03 * noise(a.id, t, 30 * HOUR)) : a.kind.startsWith("wind") ? 0.36 * a.capacity_kw : value * 0.9;
    const away = value - usual;
    const calendar = isDemand && [0, 6].includes(new Date(t).getUTCDay()) ? -0.06 * value : 0;
    const recent = isDemand ? 0.4 * (away - calendar) : away * Math.exp(-k / 4);
    const weather = away - calendar - recent;
    return { valid_time, value, contributions: [value - recent - weather - calendar, recent, weather, calendar], correction: 0 };
  });
  const size = (g) => rows.reduce((sum, row) => sum + Math.abs(row.contributions[g]), 0);
  const all = size(1) + size(2) + size(3) || 1;
  const summary = [1, 2, 3].map((g) => ({ group: groups[g], share: size(g) / all, mean: rows.reduce((sum, row) => sum + row.contributions[g], 0) / rows.length }));
  return { asset_id: a.id, quantity, unit: "kW", issue_time: iso(issue), model: page.model, groups, rows, summary: summary.sort((x, y) => y.share - x.share) };
}

const LEADS = [0, 60, 180, 360, 720, 1440, 2880];

/** How such forecasts did in the last four weeks. */
export function verificationOf(a, quantity, now) {
  const size = a.kind.startsWith("wind") || a.kind.startsWith("pv") ? a.capacity_kw : 9e4;
  const spread = (SPREAD[a.kind] ?? 0.1) * size;
  const scores = (from, to, share) => {
    const mae = spread * (0.35 + 0.65 * share) * 0.8;
    const skill = (bend) => Math.round(1000 * (0.04 + 0.3 * share * bend)) / 1000;
    return {
      from_minutes: from, to_minutes: to, steps: Math.round(((to - from) / 60) * 112), mae: round(mae), rmse: round(mae * 1.3), bias: round(0.04 * mae), wape: round(mae / size), pinball: round(mae * 0.38),
      coverage_50: 0.51, coverage_80: Math.round(1000 * (0.79 + 0.04 * noise(a.id, from * 60_000, HOUR))) / 1000, width_80: round(mae * 3.1), skill_persistence: skill(1.6), skill_naive: to === 60 ? -0.012 : skill(0.7),
    };
  };
  const buckets = LEADS.slice(1).map((to, i) => scores(LEADS[i], to, i / 5));
  const best_naive = MODELS[a.kind.startsWith("wind") ? "wind" : a.kind.startsWith("pv") ? "pv" : "load"][1];
  return { asset_id: a.id, quantity, unit: "kW", from: iso(now - 28 * 24 * HOUR), to: iso(now), issues: 112, best_naive, buckets, all: scores(0, 2880, 0.7) };
}
