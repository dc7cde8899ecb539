// What stands behind the mock's alerts: evidence with neighbours, the way to a limit, money, playbook, controller log, budget of alerts.
import { assets, byId, expectedAt, iso, noise, round, UNITS, valuesAt } from "./fleet.mjs";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEP = 600_000;
const PRICE = 780;

const PLAYBOOKS = {
  bearing_overheat: { hours: 6, people: 2, steps: [
    ["Stop the turbine, lock the rotor, let the gearbox cool below 45 °C.", "Arrêter l’éolienne, bloquer le rotor, laisser refroidir sous 45 °C.", "أوقفوا التوربين وثبّتوا الدوّار واتركوا علبة التروس تبرد دون 45 °م."],
    ["Check oil level, filter pressure and the cooler fan.", "Vérifier le niveau d’huile, la pression du filtre et le ventilateur.", "افحصوا مستوى الزيت وضغط المرشح ومروحة المبرد."],
    ["Take an oil sample; look at the magnet for metal.", "Prélever de l’huile ; examiner l’aimant.", "خذوا عينة زيت وافحصوا المغناطيس بحثًا عن معدن."],
    ["Inspect the bearing with the endoscope; order the part if scored.", "Inspecter le palier à l’endoscope ; commander la pièce s’il est rayé.", "افحصوا المحمل بالمنظار واطلبوا القطعة إن كان مخدوشًا."],
  ] },
  outage: { hours: 3, people: 2, steps: [["Read the stop code at the controller.", "Lire le code d’arrêt.", "اقرأ رمز التوقف."], ["Mend, restart, watch for half an hour.", "Réparer, redémarrer, observer une demi-heure.", "أصلح وأعد التشغيل وراقب نصف ساعة."]] },
  underperformance: { hours: 4, people: 2, steps: [["Compare with the neighbours at the site.", "Comparer aux voisines sur place.", "قارن مع المجاورات في الموقع."], ["Measure, clean or calibrate what differs.", "Mesurer, nettoyer ou étalonner ce qui diffère.", "قِس أو نظف أو عاير ما يختلف."]] },
};
const texts = ([en, fr, ar]) => ({ en, fr, ar });

/** The fields an alert carries beside its state. */
export function caseOf(id, a, { component, mode, severity, energy, hours, top }, now) {
  const playbook = PLAYBOOKS[mode] ?? PLAYBOOKS.underperformance;
  const ahead = energy === null ? null : Math.round((energy / hours) * 168);
  return {
    evidence: partsOf(a, top, Math.min(hours, 72), now), outlook: outlookOf(a, mode, component, now), energy_expected_kwh: ahead,
    money: energy === null ? null : { lost: (energy / 1000) * PRICE, expected: (ahead / 1000) * PRICE, currency: "MAD" },
    priority: { critical: 0.87, warning: 0.52, info: 0.18 }[severity], playbook: { ...playbook, steps: playbook.steps.map(texts) },
  };
}

function outlookOf(a, mode, component, now) {
  if (mode === "bearing_overheat") return { quantity: "gearbox_bearing_temp", unit: "degC", limit: 90, level: 78.4, earliest: iso(now + 2.6 * DAY), median: iso(now + 6.1 * DAY), latest: iso(now + 17 * DAY) };
  if (component === "gearbox") return { quantity: "gearbox_bearing_temp", unit: "degC", limit: 90, level: 64.2, earliest: iso(now + 21 * DAY), median: null, latest: null };
  if (mode === "soiling") return { quantity: "soiling_ratio", unit: "1", limit: 0.93, level: 0.958, earliest: iso(now + 9 * DAY), median: iso(now + 14 * DAY), latest: iso(now + 26 * DAY) };
  return null;
}

function partsOf(a, top, hours, now) {
  const weights = [0.62, 0.27, 0.11];
  const end = Math.floor(now / STEP) * STEP;
  const known = top.filter((quantity) => expectedAt(a, now, now)[quantity] !== undefined || quantity === top[0]);
  const all = known.reduce((sum, _, i) => sum + (weights[i] ?? 0), 0) || 1;
  return known.map((quantity, i) => {
    const at = Array.from({ length: 24 }, (_, k) => end - (k * hours * HOUR) / 24);
    const mean = (of) => { const values = at.map(of).filter((value) => value !== undefined); return values.length ? round(values.reduce((x, y) => x + y, 0) / values.length) : null; };
    return { signal: quantity, quantity, unit: UNITS[quantity] ?? "1", observed: mean((t) => valuesAt(a, t, now)[quantity]), expected: mean((t) => expectedAt(a, t, now)[quantity]), share: (weights[i] ?? 0) / all };
  });
}

const neighboursOf = (a) => { const peers = assets.filter((b) => b.parent_id === a.parent_id && b.kind === a.kind); const at = peers.indexOf(a); return [at - 1, at + 1, at + 2].map((i) => peers[i]).filter((b) => b && b !== a); };

export function evidenceOf(alert, hours, now) {
  const a = byId.get(alert.asset_id);
  const to = Math.floor(now / STEP) * STEP;
  const from = to - hours * HOUR;
  const watched = alert.top_contributors.filter((quantity) => expectedAt(a, to, now)[quantity] !== undefined);
  const peers = neighboursOf(a);
  const times = [];
  for (let t = from; t <= to; t += STEP) times.push(t);
  // A gap of some hours, as real telemetry has.
  const gone = (t) => Math.abs(t - (now - 70 * HOUR)) < 2.5 * HOUR;
  const own = times.map((t) => (gone(t) ? null : valuesAt(a, t, now)));
  const expected = times.map((t) => expectedAt(a, t, now));
  const others = peers.map((peer) => times.map((t) => valuesAt(peer, t, now)));
  const signals = watched.map((quantity) => {
    let smooth = 0.3;
    return {
      signal: quantity, quantity, unit: UNITS[quantity], times: times.map(iso), observed: own.map((v) => (v ? round(v[quantity]) : null)), expected: expected.map((v) => round(v[quantity])),
      score: own.map((v, i) => { if (!v) return null; smooth = 0.985 * smooth + 0.015 * (Math.abs(v[quantity] - expected[i][quantity]) / (UNITS[quantity] === "degC" ? 6.5 : 300)); return round(smooth); }),
      neighbours: peers.map((peer, i) => ({ asset_id: peer.id, values: others[i].map((v) => round(v[quantity])) })),
    };
  });
  return {
    asset_id: a.id, from: iso(from), to: iso(to), opened_at: alert.opened_at, signals, evidence: alert.evidence, outlook: alert.incident_open ? alert.outlook : null,
    incidents: [{ opened_at: alert.opened_at, closed_at: alert.closed_at, energy_lost_kwh: alert.energy_lost_kwh }], log: { lines: linesOf(alert, now).length, episodes: alert.mode === "bearing_overheat" ? 9 : 0 },
  };
}

const MESSAGES = ["Gear bearing temp. high: 1 (wrn)", "Gear oil cooler fan 2 stage", "Gear oil pressure low (wrn)", "HotGen bearing: derate 2100 kW", "Pause over remote", "Start auto-outyawing CCW"];
function linesOf(alert, now) {
  if (alert.mode !== "bearing_overheat") return [];
  return Array.from({ length: 134 }, (_, i) => { const t = now - (i * 1.55 + 0.4 * noise("log", i * HOUR, HOUR)) * HOUR; return { time: iso(t), message: MESSAGES[Math.floor(Math.abs(noise("message", i * HOUR * 3, HOUR)) * MESSAGES.length * 0.999)], reset_at: i === 0 ? null : iso(t + 18 * 60_000) }; });
}
export function logOf(alert, cursor, now) {
  const lines = linesOf(alert, now);
  const at = Number(cursor ?? 0);
  return { lines: lines.slice(at, at + 50), next: at + 50 < lines.length ? String(at + 50) : null };
}

export function budgetOf(list, now) {
  const units = assets.filter((a) => ["wind_turbine", "pv_inverter"].includes(a.kind)).length;
  const pattern = (asset_kind, component, mode, raised, false_positives, priority) => ({ asset_kind, component, mode, raised, false_positives, priority });
  return {
    budget_per_asset_year: 1, assets: units, since: iso(now - 90 * DAY), allowed: Math.round((units * 90) / 36.5) / 10, raised: list.length + 5, false_positives: list.filter((a) => a.state === "false_positive").length + 2,
    patterns: [pattern("wind_turbine", "gearbox", "bearing_overheat", 4, 0, 1), pattern("wind_turbine", "blades", "underperformance", 5, 2, 0.64), pattern("pv_inverter", "strings", "underperformance", 3, 1, 0.8)],
  };
}
