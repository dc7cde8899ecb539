// A believable Moroccan fleet as pure functions of time: the assets and the value of every quantity at any instant. Deterministic, no state.

const HOUR = 3_600_000;
const MINUTE = 60_000;

function hash(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  h = Math.imul(h ^ (h >>> 15), 2246822507);
  return ((h ^ (h >>> 13)) >>> 0) / 4294967296;
}

/** Smooth noise in about −1…1 with a correlation time of `scale` ms. */
export function noise(name, t, scale) {
  const at = t / scale;
  const i = Math.floor(at);
  const f = at - i;
  const s = f * f * (3 - 2 * f);
  return ((1 - s) * hash(`${name}|${i}`) + s * hash(`${name}|${i + 1}`)) * 2 - 1;
}

const asset = (id, kind, parent_id, name, latitude, longitude, capacity_kw, attributes = {}) => ({
  id, kind, parent_id, name, latitude, longitude, capacity_kw, timezone: "Africa/Casablanca", attributes: { resolution: "PT10M", interval_label: "beginning", ...attributes },
});

const WIND = [["tarfaya", "Tarfaya", 27.85, -12.87, 24, 2300, 8.6], ["midelt_wind", "Midelt wind", 32.7, -4.75, 14, 3600, 6.7], ["tangier", "Dhar Saadane", 35.6, -5.7, 16, 1670, 7.7]];
const SOLAR = [["ouarzazate", "Ouarzazate", 31.02, -6.86, 20, 4000], ["midelt_pv", "Midelt solar", 32.6, -4.6, 12, 3300]];
const DEMAND = [["casablanca", "Casablanca", 33.57, -7.59, 248e3], ["rabat", "Rabat–Salé", 34.02, -6.83, 121e3], ["tetouan", "Tetouan", 35.57, -5.37, 74e3], ["marrakech", "Marrakech", 31.63, -8.0, 96e3]];

export const assets = [];
for (const [id, name, lat, lon, n, rated] of WIND) {
  assets.push(asset(id, "wind_plant", null, name, lat, lon, n * rated, { commissioned: "2014-12" }));
  for (let i = 1; i <= n; i += 1) assets.push(asset(`${id}/T${String(i).padStart(2, "0")}`, "wind_turbine", id, `${name} T${String(i).padStart(2, "0")}`, lat + i * 0.004, lon + (i % 4) * 0.005, rated, { hub_height_m: "80", model: "SWT-2.3-101" }));
}
for (const [id, name, lat, lon, n, rated] of SOLAR) {
  assets.push(asset(id, "pv_plant", null, name, lat, lon, n * rated));
  for (let i = 1; i <= n; i += 1) assets.push(asset(`${id}/I${String(i).padStart(2, "0")}`, "pv_inverter", id, `${name} I${String(i).padStart(2, "0")}`, lat, lon, rated));
}
for (const [id, name, lat, lon] of DEMAND) assets.push(asset(id, "region", null, name, lat, lon, null, { resolution: "PT1H" }));
assets.push(asset("tit_mellil_t1", "transformer", "casablanca", "Tit Mellil T1", 33.56, -7.48, 100e3));
export const byId = new Map(assets.map((a) => [a.id, a]));

const plantOf = (a) => (a.parent_id && byId.get(a.parent_id)) || a;
const curve = (v, rated) => (v < 3.2 || v > 25 ? 0 : rated / (1 + Math.exp(-(v - 8.4) * 0.82)) * (v > 13 ? 1 : 0.985));
export const DOWN = new Set(["tarfaya/T17", "tangier/T05"]);
export const SILENT = new Set(["midelt_wind/T09", "ouarzazate/I13"]);
const WEAK = new Map([["tarfaya/T07", 0.8], ["ouarzazate/I04", 0.72], ["midelt_wind/T03", 0.88]]);

function windAt(a, t) {
  const plant = plantOf(a);
  const mean = WIND.find((w) => w[0] === plant.id)?.[6] ?? 7;
  const day = Math.sin(((t / HOUR) % 24) / 24 * 2 * Math.PI - 2.2);
  return Math.max(0.2, mean + 1.5 * day + 2.4 * noise(plant.id, t, 9 * HOUR) + 1.1 * noise(`${plant.id}b`, t, 2 * HOUR) + 0.45 * noise(a.id, t, 25 * MINUTE));
}
function sunAt(t, lon) {
  const solarHour = ((t / HOUR + lon / 15) % 24 + 24) % 24;
  return Math.max(0, Math.sin(((solarHour - 6.4) / 11.2) * Math.PI)) * (solarHour > 6.4 && solarHour < 17.6 ? 1 : 0);
}
const cloudAt = (id, t) => 0.93 - 0.32 * Math.max(0, noise(id, t, 3 * HOUR)) ** 1.5 - 0.1 * Math.max(0, noise(`${id}c`, t, 20 * MINUTE));

/** Expected bearing temperature and the drift of the one that runs hot. */
const bearing = (p, rated, ambient, id) => ambient + 22 + 24 * (p / rated) ** 0.9 + 7 * (hash(`${id}warm`) - 0.5);
const drift = (id, t, now) => (id === "tarfaya/T12" ? 13 * Math.min(1, Math.max(0, (t - now) / (216 * HOUR) + 1)) ** 1.15 : id === "midelt_wind/T03" ? 5 / (1 + Math.exp(-(t - now + 90 * HOUR) / (12 * HOUR))) : 0);

function shapeOfDay(t) {
  const h = ((t / HOUR) % 24 + 24) % 24;
  const weekend = [0, 6].includes(new Date(t).getUTCDay()) ? 0.93 : 1;
  return weekend * (0.62 + 0.16 * Math.exp(-(((h - 11.5) / 4) ** 2)) + 0.36 * Math.exp(-(((h - 20) / 2.6) ** 2)) - 0.1 * Math.exp(-(((h - 4) / 3) ** 2)));
}

/** The values of an asset at `t`; `now` places the faults. `true` measurements carry noise. */
export function valuesAt(a, t, now) {
  const children = assets.filter((c) => c.parent_id === a.id);
  const plant = plantOf(a);
  const air = 19 + 7 * Math.sin((((t / HOUR) % 24) - 9) / 24 * 2 * Math.PI) + 2 * noise(`${plant.id}air`, t, 20 * HOUR);
  switch (a.kind) {
    case "wind_turbine": {
      const wind = windAt(a, t);
      const ideal = curve(wind, a.capacity_kw);
      const down = DOWN.has(a.id) && t > now - 31 * HOUR;
      const weak = t > now - 60 * HOUR ? (WEAK.get(a.id) ?? 1) : 1;
      const power = down ? -8 : Math.max(-6, ideal * weak * (1 + 0.03 * noise(`${a.id}p`, t, 15 * MINUTE)));
      const expected = bearing(Math.max(0, power), a.capacity_kw, air, a.id);
      return {
        active_power: power, wind_speed: wind, wind_direction: (20 + 60 * noise(`${plant.id}dir`, t, 15 * HOUR) + 360) % 360,
        rotor_speed: power > 0 ? 6 + 10 * Math.min(1, power / a.capacity_kw) : 0, gearbox_bearing_temp: expected + drift(a.id, t, now) + 0.9 * noise(`${a.id}g`, t, 20 * MINUTE),
        gearbox_oil_temp: expected - 9 + 0.55 * drift(a.id, t, now) + 0.6 * noise(`${a.id}o`, t, 40 * MINUTE),
        generator_bearing_temp: expected - 6 + 1.1 * noise(`${a.id}h`, t, 20 * MINUTE), temp_air: air, turbine_status: down ? 4 : a.id === "tangier/T11" ? 1 : 0,
      };
    }
    case "wind_plant": return { active_power: sum(children, t, now), wind_speed: windAt(a, t), temp_air: air };
    case "pv_inverter": {
      const weak = WEAK.get(a.id) ?? 1;
      return { active_power: a.capacity_kw * 0.94 * sunAt(t, a.longitude) ** 1.15 * cloudAt(plant.id, t) * weak * (1 + 0.02 * noise(a.id, t, 30 * MINUTE)), poa_global: 1010 * sunAt(t, a.longitude) * cloudAt(plant.id, t), temp_module: air + 24 * sunAt(t, a.longitude) };
    }
    case "pv_plant": return { active_power: sum(children, t, now), poa_global: 1010 * sunAt(t, a.longitude) * cloudAt(a.id, t), temp_air: air + 4, soiling_ratio: 0.958 };
    case "region": {
      const size = DEMAND.find((d) => d[0] === a.id)[4];
      return { load: size * shapeOfDay(t) * (1 + 0.025 * noise(a.id, t, 5 * HOUR) + 0.008 * noise(`${a.id}f`, t, HOUR)), temp_air: air };
    }
    default: {
      const load = 62e3 * shapeOfDay(t) * (1 + 0.02 * noise(a.id, t, 2 * HOUR));
      return { active_power: load, top_oil_temp: air + 18 + 20 * (load / 62e3), ambient_temp: air };
    }
  }
}
const sum = (children, t, now) => children.reduce((total, c) => total + Math.max(0, valuesAt(c, t, now).active_power), 0);

export const UNITS = {
  active_power: "kW", load: "kW", wind_speed: "m/s", wind_direction: "deg", rotor_speed: "rpm", gearbox_bearing_temp: "degC", gearbox_oil_temp: "degC", generator_bearing_temp: "degC", temp_air: "degC",
  turbine_status: "code", poa_global: "W/m2", temp_module: "degC", soiling_ratio: "1", top_oil_temp: "degC", ambient_temp: "degC",
};

/** What a healthy machine would show at `t`, for the quantities that are watched. */
export function expectedAt(a, t, now) {
  const v = valuesAt(a, t, now);
  if (a.kind === "pv_inverter") return { active_power: v.active_power / (WEAK.get(a.id) ?? 1) };
  if (a.kind !== "wind_turbine") return {};
  const hot = bearing(Math.max(0, v.active_power), a.capacity_kw, v.temp_air, a.id);
  return { active_power: curve(v.wind_speed, a.capacity_kw), gearbox_bearing_temp: hot, gearbox_oil_temp: hot - 9, generator_bearing_temp: hot - 6 };
}

/** What a healthy machine would show, for the health page. */
export function healthOf(a, now) {
  if (a.kind !== "wind_turbine") return null;
  const step = 10 * MINUTE;
  const end = Math.floor(now / step) * step;
  const points = [];
  for (let t = end - 12 * 24 * HOUR; t <= end; t += 4 * step) {
    const v = valuesAt(a, t, now);
    points.push({ time: iso(t), wind_speed: round(v.wind_speed), active_power: round(v.active_power), anomalous: v.active_power < curve(v.wind_speed, a.capacity_kw) - 0.09 * a.capacity_kw });
  }
  const bins = Array.from({ length: 33 }, (_, i) => ({ wind_speed: 0.25 + i * 0.5, expected_kw: round(curve(0.25 + i * 0.5, a.capacity_kw)), spread_kw: round(a.capacity_kw * (0.012 + 0.05 * Math.exp(-(((i * 0.5 - 8.4) / 2.6) ** 2)))), count: 400 }));
  const signals = ["gearbox_bearing_temp", "generator_bearing_temp"].map((quantity) => {
    const out = { quantity, unit: "degC", component: quantity.startsWith("gearbox") ? "gearbox" : "generator", times: [], observed: [], expected: [], score: [], limit: 1 };
    let smooth = 0.3;
    for (let t = end - 6 * 24 * HOUR; t <= end; t += 3 * step) {
      const v = valuesAt(a, t, now);
      const expected = bearing(Math.max(0, v.active_power), a.capacity_kw, v.temp_air, a.id) - (quantity.startsWith("gearbox") ? 0 : 6);
      smooth = 0.93 * smooth + 0.07 * (Math.abs(v[quantity] - expected) / 4.2);
      const gap = Math.abs(t - (now - 70 * HOUR)) < 2 * HOUR;
      out.times.push(iso(t)); out.observed.push(gap ? null : round(v[quantity])); out.expected.push(round(expected)); out.score.push(gap ? null : round(smooth));
    }
    return out;
  });
  return { asset_id: a.id, fitted_until: iso(now - 30 * 24 * HOUR), power_curve: { bins, points }, signals };
}

export const iso = (t) => new Date(t).toISOString().replace(/\.\d+Z$/, "Z");
export const round = (x) => Math.round(x * 100) / 100;
