// The mock's alerts: a believable inbox, the lifecycle with its illegal transitions, and the listeners of the stream.
import { caseOf } from "./evidence.mjs";
import { byId, iso } from "./fleet.mjs";

const HOUR = 3_600_000;
let sequence = 100;
let eventSequence = 0;
const alerts = new Map();
const events = new Map();
const log = [];
const listeners = new Set();

const CASES = [
  ["tarfaya/T12", "gearbox", "bearing_overheat", "critical", 216, 1.92, 21400, ["gearbox_bearing_temp", "gearbox_oil_temp", "active_power"], "Gearbox bearing of T12 runs 13 °C too hot", "Le palier du multiplicateur de T12 chauffe de 13 °C de trop", "محمل علبة التروس في T12 أسخن بـ 13 °م من المتوقع", "Reduce to 1.8 MW until inspected. Check the oil level and the cooler fan; take an oil sample within 3 days.", "Limiter à 1,8 MW jusqu’à l’inspection. Vérifier le niveau d’huile et le ventilateur ; prélever de l’huile sous 3 jours.", "خفّض إلى 1.8 ميغاواط حتى الفحص. افحص مستوى الزيت ومروحة التبريد وخذ عينة زيت خلال 3 أيام."],
  ["tarfaya/T17", "turbine", "outage", "critical", 31, 3.1, 38650, ["active_power", "rotor_speed"], "T17 stands still in producing wind", "T17 à l’arrêt par vent productif", "T17 متوقف رغم وجود رياح منتجة", "Read the controller's stop code; if it is a manual stop, tell planning so that the loss is booked.", "Lire le code d’arrêt ; s’il est manuel, prévenir la planification.", "اقرأ رمز التوقف، وإن كان يدويًا فأبلغ التخطيط."],
  ["ouarzazate/I04", "strings", "underperformance", "warning", 75, 1.44, 9120, ["active_power", "poa_global"], "Inverter I04 gives 28 % less than its peers", "L’onduleur I04 produit 28 % de moins que ses pairs", "العاكس I04 ينتج أقل من نظرائه بـ 28 %", "Two strings are likely open. Check the fuses of combiner boxes 4-2 and 4-3.", "Deux chaînes probablement ouvertes. Vérifier les fusibles des boîtes 4-2 et 4-3.", "يُرجح انفتاح سلسلتين. افحص مصهرات الصندوقين 4-2 و4-3."],
  ["tarfaya/T07", "blades", "underperformance", "warning", 58, 1.31, 17300, ["active_power", "wind_speed"], "T07 is 20 % below its power curve", "T07 est 20 % sous sa courbe de puissance", "T07 أدنى من منحنى قدرته بـ 20 %", "Look for leading-edge erosion or a pitch offset. Compare the three pitch angles at standstill.", "Chercher une érosion du bord d’attaque ou un décalage de calage.", "ابحث عن تآكل حافة الشفرة أو انحراف زاوية الميل."],
  ["midelt_wind/T03", "gearbox", "overheating", "warning", 88, 1.12, 2210, ["gearbox_bearing_temp"], "Gearbox bearing of T03 drifts up", "Le palier du multiplicateur de T03 dérive", "حرارة محمل علبة التروس في T03 في ارتفاع", "Not urgent. Add to the next planned visit.", "Pas urgent. À joindre à la prochaine visite.", "غير عاجل. أضفه إلى الزيارة القادمة."],
  ["ouarzazate", "modules", "soiling", "info", 160, 1.04, 30800, ["soiling_ratio", "poa_global"], "Dust costs 4.2 % of the plant's energy", "La poussière coûte 4,2 % de l’énergie", "الغبار يكلف 4.2 % من طاقة المحطة", "Cleaning pays for itself from Thursday; no rain is expected for 9 days.", "Le nettoyage est rentable dès jeudi ; pas de pluie prévue avant 9 jours.", "التنظيف مجدٍ ابتداءً من الخميس ولا أمطار متوقعة خلال 9 أيام."],
  ["midelt_wind/T09", "data", "stale", "info", 7, 1, null, [], "No data from T09", "Plus de données de T09", "لا بيانات من T09", "The turbine may well be running. Check the switch in the tower base.", "L’éolienne tourne peut-être. Vérifier le commutateur en pied de tour.", "قد يكون التوربين يعمل. افحص المبدّل أسفل البرج."],
  ["tit_mellil_t1", "transformer", "overheating", "warning", 12, 1.22, null, ["top_oil_temp", "ambient_temp"], "Top oil of T1 is 9 °C above its thermal model", "L’huile de T1 est 9 °C au-dessus de son modèle", "زيت المحوّل T1 أعلى من نموذجه بـ 9 °م", "Check that both fan groups start above 65 °C.", "Vérifier le démarrage des deux groupes de ventilateurs.", "تأكد من تشغيل مجموعتي المراوح فوق 65 °م."],
  ["tangier/T05", "yaw", "stuck", "warning", 29, 1.8, 6400, ["nacelle_direction", "active_power"], "T05 does not follow the wind", "T05 ne suit plus le vent", "T05 لا يتبع الرياح", "Yaw drive blocked or brake not released.", "Moteur d’orientation bloqué ou frein serré.", "محرك التوجيه عالق أو المكبح غير محرر."],
  ["tangier", "plant", "outage", "critical", 5, 4, 52000, ["active_power"], "Feeder 2 of Dhar Saadane is dead", "Le départ 2 de Dhar Saadane est hors tension", "المغذي 2 في ظهر السعدان بلا جهد", "Call the grid operator's control room; do not send crews to single turbines.", "Appeler le dispatching ; ne pas envoyer d’équipes aux éoliennes une à une.", "اتصلوا بمركز تحكم الشبكة ولا ترسلوا فرقًا إلى كل توربين."],
  ...[8, 9, 10, 12, 13, 14, 15, 16].map((n) => [`tangier/T${String(n).padStart(2, "0")}`, "turbine", "outage", "warning", 5, 2, 6500, ["active_power"], `T${n} stands still in producing wind`, `T${n} à l’arrêt par vent productif`, `T${n} متوقف رغم وجود رياح منتجة`, "Part of the feeder's outage.", "Fait partie de la panne du départ.", "جزء من انقطاع المغذي."]),
];
/** The alert of the feeder, and those folded under it. */
const FEEDER = "al-0010";

const parentOf = (id) => (id > FEEDER && id < "al-0100" ? FEEDER : null);

function add(now, [asset_id, component, mode, severity, hours, score, energy, top, en, fr, ar, aen, afr, aar], id) {
  const opened = now - hours * HOUR + (hours > 200 ? 52 * HOUR : 50 * 60_000);
  const alert = {
    id, asset_id, asset_name: byId.get(asset_id).name, component, mode, severity, state: "open", shelved_until: null, started_at: iso(now - hours * HOUR), opened_at: iso(Math.min(opened, now)), updated_at: iso(Math.min(opened, now)),
    closed_at: null, score, energy_lost_kwh: energy, top_contributors: top, occurrences: hours > 70 ? 2 : 1, assignee: null, title: { en, fr, ar }, advice: { en: aen, fr: afr, ar: aar }, incident_open: true,
    parent_alert_id: parentOf(id), children: id === FEEDER ? 8 : 0,
    ...caseOf(id, byId.get(asset_id), { component, mode, severity, energy, hours, top }, now),
  };
  alerts.set(id, alert);
  events.set(id, [{ id: ++eventSequence, at: alert.opened_at, kind: "opened", by: null, note: null }]);
  return alert;
}

export function seed(now) {
  CASES.forEach((row, i) => add(now, row, `al-${String(i + 1).padStart(4, "0")}`));
  const patch = (id, at, state, kind, by, note, more = {}) => {
    Object.assign(alerts.get(id), { state, updated_at: iso(at), ...more });
    events.get(id).push({ id: ++eventSequence, at: iso(at), kind, by, note });
  };
  patch("al-0003", now - 20 * HOUR, "acknowledged", "acknowledged", "Nadia", null);
  patch("al-0005", now - 60 * HOUR, "acknowledged", "acknowledged", "Youssef", "Seen, watching it.");
  patch("al-0005", now - 59 * HOUR, "assigned", "assigned", "Youssef", "Crew Midelt", { assignee: "Crew Midelt" });
  patch("al-0009", now - 3 * HOUR, "resolved", "resolved", "Crew Tangier", "Brake released, tested in both directions.", { closed_at: iso(now - 3 * HOUR), incident_open: false, energy_expected_kwh: null, outlook: null });
}

/** A further alert arrives, as from the pipeline. */
export function raise(now) {
  sequence += 1;
  const alert = add(now, ["midelt_pv/I08", "inverter", "overheating", "warning", 0.9, 1.37, 640, ["temp_module", "active_power"], "Inverter I08 derates at noon", "L’onduleur I08 se bride à midi", "العاكس I08 يخفض قدرته ظهرًا", "Clean the air filter; check the second fan.", "Nettoyer le filtre à air ; vérifier le second ventilateur.", "نظف مرشح الهواء وافحص المروحة الثانية."], `al-${sequence}`);
  announce(alert);
  return alert;
}

function announce(alert) {
  const entry = { id: log.length + 1, data: JSON.stringify(alert) };
  log.push(entry);
  for (const listener of listeners) listener(entry);
}
export const listen = (listener) => { listeners.add(listener); return () => listeners.delete(listener); };
export const missed = (after) => log.filter((entry) => entry.id > after);

export const list = () => [...alerts.values()].sort((a, b) => b.opened_at.localeCompare(a.opened_at));
export const find = (id) => alerts.get(id);
export const detail = (id) => ({ ...alerts.get(id), events: events.get(id) });
export const openCount = (asset) => list().filter((a) => a.asset_id === asset && !["resolved", "false_positive"].includes(a.state)).length;

/** Applies an action; answers `{ alert }` or `{ status, code, detail }`. */
export function act(id, action, body, by, now) {
  const alert = alerts.get(id);
  if (!alert) return { status: 404, code: "unknown_alert", detail: `There is no alert ${id}.` };
  const closed = ["resolved", "false_positive"].includes(alert.state);
  if (closed && action !== "comment") return { status: 409, code: "illegal_transition", detail: `Alert ${id} is ${alert.state}; a closed alert takes only comments.` };
  const note = body.comment ?? body.reason ?? null;
  const set = { acknowledge: { state: "acknowledged" }, assign: { state: "assigned", assignee: body.assignee }, shelve: { shelved_until: body.until }, comment: {}, resolve: { state: body.outcome === "false_positive" ? "false_positive" : "resolved", closed_at: iso(now) } }[action];
  if (!set) return { status: 404, code: "unknown_action", detail: `There is no action ${action}.` };
  if (action === "acknowledge" && alert.state !== "open") return { status: 409, code: "illegal_transition", detail: `Alert ${id} is already ${alert.state}.` };
  if (action === "resolve" && body.outcome === "false_positive" && !body.reason) return { status: 422, code: "reason_required", detail: "A false positive needs a reason." };
  const kind = { acknowledge: "acknowledged", assign: "assigned", shelve: "shelved", comment: "commented", resolve: set.state }[action];
  Object.assign(alert, set, { updated_at: iso(now) });
  events.get(id).push({ id: ++eventSequence, at: iso(now), kind, by, note: action === "assign" && !note ? body.assignee : note });
  announce(alert);
  return { alert };
}
