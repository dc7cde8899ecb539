// The mock's maintenance plan: open alerts in order of what they cost, each in the next free half day of a crew with little wind. Not optimal, only believable.
import { byId, iso, round, valuesAt } from "./fleet.mjs";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CREWS = [{ name: "Crew North", people: 2, hours: { start: "07:00", end: "17:00", timezone: "Africa/Casablanca", weekdays: [1, 2, 3, 4, 5, 6] } }, { name: "Crew South", people: 3, hours: { start: "07:00", end: "17:00", timezone: "Africa/Casablanca", weekdays: [1, 2, 3, 4, 5, 6] } }];
const hour = (text) => Number(text.slice(0, 2)) + Number(text.slice(3, 5)) / 60;

export function planOf(list, body, now) {
  const { days = 7, crews = CREWS, wind_limit = 12, price_per_mwh = 780 } = body;
  const from = body.from ? Date.parse(body.from) : Math.ceil(now / HOUR) * HOUR;
  const to = from + days * DAY;
  const open = list.filter((a) => !["resolved", "false_positive"].includes(a.state) && !a.parent_alert_id).sort((a, b) => (b.energy_lost_kwh ?? 0) - (a.energy_lost_kwh ?? 0));
  const jobs = open.filter((a) => a.severity !== "info" && a.asset_id !== "tangier");
  const slotsOf = (crew) => {
    const slots = [];
    for (let day = Math.floor(from / DAY) * DAY; day < to; day += DAY) {
      if (!crew.hours.weekdays.includes(((new Date(day).getUTCDay() + 6) % 7) + 1)) continue;
      for (let at = day + hour(crew.hours.start) * HOUR; at + 4 * HOUR <= day + hour(crew.hours.end) * HOUR; at += 5 * HOUR) if (at >= from) slots.push(at);
    }
    return slots;
  };
  const windAt = (a, t) => Math.max(...[0, 2, 4].map((h) => valuesAt(a, t + h * HOUR, now).wind_speed ?? 0));
  const lossOf = (a, t) => round([0.5, 1.5, 2.5, 3.5].reduce((sum, h) => sum + Math.max(0, valuesAt(byId.get(a.asset_id), t + h * HOUR, now).active_power ?? 0), 0) * (a.component === "transformer" ? 0 : 1));
  const schedule = (choose) => {
    const free = crews.map((crew) => ({ crew, slots: slotsOf(crew) }));
    return jobs.flatMap((a, i) => {
      const asset = byId.get(a.asset_id);
      const possible = free.flatMap(({ crew, slots }) => slots.filter((t) => windAt(asset, t) <= wind_limit && crew.people >= (a.playbook?.people ?? 2)).map((t) => ({ crew, t })));
      if (!possible.length) return [];
      const best = possible.sort((x, y) => choose(a, x.t) - choose(a, y.t) || x.t - y.t)[0];
      const own = free.find((one) => one.crew === best.crew);
      own.slots = own.slots.filter((t) => t !== best.t);
      const rate = (a.energy_lost_kwh ?? 0) / Math.max(1, (now - Date.parse(a.started_at)) / HOUR);
      const wind = asset.kind === "wind_turbine" ? round(windAt(asset, best.t)) : null;
      return [{
        alert_id: a.id, alert_ids: [a.id], asset_id: a.asset_id, asset_name: a.asset_name, component: a.component, mode: a.mode, crew: best.crew.name, start: iso(best.t), end: iso(best.t + 4 * HOUR), people: Math.min(best.crew.people, a.playbook?.people ?? 2),
        production_lost_kwh: lossOf(a, best.t), waiting_loss_kwh: round((rate * (best.t - now)) / HOUR), wind_speed_max: wind,
        reason: i % 2 ? { en: "Lowest expected production of the working hours this week, and the wind stays under the limit.", fr: "Production attendue la plus basse des heures ouvrées de la semaine, et le vent reste sous la limite.", ar: "أدنى إنتاج متوقع في ساعات عمل هذا الأسبوع، وتبقى الرياح دون الحد." } : { en: "Each day of waiting costs more than the stop itself, so it comes first.", fr: "Chaque jour d’attente coûte plus que l’arrêt lui-même : elle passe en premier.", ar: "كل يوم انتظار يكلف أكثر من التوقف نفسه، لذا تأتي أولًا." },
      }];
    });
  };
  const total = (visits) => visits.reduce((sum, visit) => sum + visit.production_lost_kwh + visit.waiting_loss_kwh, 0);
  const rateOf = (a) => (a.energy_lost_kwh ?? 0) / Math.max(1, (now - Date.parse(a.started_at)) / HOUR);
  const visits = schedule((a, t) => lossOf(a, t) + (rateOf(a) * (t - now)) / HOUR);
  const early = schedule((_, t) => t);
  const [plan_kwh, as_soon_as_possible_kwh] = [total(visits), total(early)];
  const planned = new Set(visits.map((visit) => visit.alert_id));
  return {
    from: iso(from), to: iso(to), visits,
    left_out: open.filter((a) => !planned.has(a.id)).map((a) => ({ alert_id: a.id, asset_id: a.asset_id, reason: a.severity === "info" ? { en: "Informs only: nothing to mend on site.", fr: "Simple information : rien à réparer sur place.", ar: "للعلم فقط: لا شيء يُصلح في الموقع." } : { en: "No hours with enough people and wind under the limit in this period.", fr: "Aucun créneau avec assez de monde et un vent sous la limite sur la période.", ar: "لا ساعات بعدد كافٍ من الأشخاص ورياح دون الحد في هذه الفترة." } })),
    cost: { plan_kwh, as_soon_as_possible_kwh, saving_kwh: as_soon_as_possible_kwh - plan_kwh, risk_plan: 2100, risk_as_soon_as_possible: 1850, currency: "MAD", saving: ((as_soon_as_possible_kwh - plan_kwh) / 1000) * price_per_mwh },
    solver: { status: "optimal", gap: 0, seconds: 0.4 }, as_soon_as_possible: early, inputs: { days, crews, wind_limit, price_per_mwh }, conditions: conditionsOf(visits, from, to, now),
  };
}

function conditionsOf(visits, from, to, now) {
  const involved = [...new Set(visits.map((visit) => visit.asset_id))].map((id) => byId.get(id)).filter((a) => a.kind !== "transformer");
  const hours = [];
  for (let t = from; t < to; t += HOUR) hours.push(t);
  const at = hours.map((t) => involved.map((a) => valuesAt(a, t, now)));
  return {
    times: hours.map(iso), production_kw: at.map((all) => round(all.reduce((sum, v) => sum + Math.max(0, v.active_power), 0))),
    wind_speed: at.map((all) => { const known = all.flatMap((v) => v.wind_speed ?? []); return known.length ? round(Math.max(...known)) : null; }),
  };
}

const stamp = (text) => text.replace(/[-:]/g, "");
export const calendarOf = (plan) => ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Chergui//mock//EN", ...plan.visits.flatMap((v) => ["BEGIN:VEVENT", `UID:${v.alert_id}@mock`, `DTSTAMP:${stamp(plan.from)}`, `DTSTART:${stamp(v.start)}`, `DTEND:${stamp(v.end)}`, `SUMMARY:${v.asset_name}`, "END:VEVENT"]), "END:VCALENDAR", ""].join("\r\n");
