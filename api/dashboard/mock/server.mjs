// A small stand-in for the real server, for working on the dashboard: serves dist/ and the pinned contract with believable data.
// `npm run mock` listens on 127.0.0.1:8090 (PORT), key `demo` (KEY); a new alert arrives MOCK_ALERT_MS after the first stream opens.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import * as alerts from "./alerts.mjs";
import { connectionsOf, tailOf } from "./connections.mjs";
import { budgetOf, evidenceOf, logOf } from "./evidence.mjs";
import { assets, byId, healthOf, iso, round, SILENT, UNITS, valuesAt } from "./fleet.mjs";
import { explanationOf, forecastOf, issueTimes, quantitiesOf, verificationOf } from "./forecasts.mjs";
import { calendarOf, planOf } from "./plan.mjs";

const PORT = Number(process.env.PORT ?? 8090);
const KEY = process.env.KEY ?? "demo";
const ALERT_MS = Number(process.env.MOCK_ALERT_MS ?? 15_000);
const DIST = join(import.meta.dirname, "..", "dist");
const STEP = 600_000;
/** MOCK_SHIFT_HOURS moves the demo clock, so that one can look at noon at midnight. */
const clock = () => Date.now() + Number(process.env.MOCK_SHIFT_HOURS ?? 0) * 3_600_000;
const sessions = new Set();
let raised = false;
alerts.seed(clock());

const problem = (status, code, detail) => ({ status, type: "application/problem+json", body: { type: `https://chergui.dev/problems/${code}`, title: code.replaceAll("_", " "), status, detail, code } });
const json = (body) => ({ status: 200, type: "application/json", body });
const duration = (text) => { const m = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(text ?? ""); return m ? ((+(m[1] ?? 0) * 24 + +(m[2] ?? 0)) * 60 + +(m[3] ?? 0)) * 60_000 : 0; };
const lastStep = (a, now) => Math.floor(now / STEP) * STEP - (SILENT.has(a.id) ? 7 * 3_600_000 : 0);

function describe(a, now, latest) {
  if (!latest) return a;
  const t = lastStep(a, now);
  const values = Object.fromEntries(Object.entries(valuesAt(a, t, now)).map(([name, value]) => [name, round(value)]));
  return { ...a, latest: { time: iso(t), values }, open_alerts: alerts.openCount(a.id), forecast_quantities: quantitiesOf(a) };
}

function readings(query, now) {
  const a = byId.get(query.get("asset_id"));
  if (!a) return problem(404, "unknown_asset", `There is no asset ${query.get("asset_id")}.`);
  const last = lastStep(a, now);
  const start = query.get("start") ? Date.parse(query.get("start")) : last - 86_400_000;
  const end = Math.min(query.get("end") ? Date.parse(query.get("end")) : last + 1, last + 1);
  const bucket = Math.max(STEP, duration(query.get("step")));
  const names = query.get("quantity")?.split(",") ?? Object.keys(valuesAt(a, last, now));
  const rows = [];
  for (let t = Math.ceil(start / bucket) * bucket; t < end; t += bucket) {
    const instants = [];
    for (let u = t; u < Math.min(t + bucket, end); u += Math.max(STEP, bucket / 6)) instants.push(valuesAt(a, u, now));
    rows.push({ time: iso(t), ...Object.fromEntries(names.map((n) => [n, instants[0][n] === undefined ? null : round(instants.reduce((s, v) => s + v[n], 0) / instants.length)])) });
  }
  return json({ asset_id: a.id, kind: a.kind, units: Object.fromEntries(names.map((n) => [n, UNITS[n] ?? "1"])), rows, next_cursor: null });
}

function forecasts(query, now, accept) {
  const a = byId.get(query.get("asset_id"));
  const quantity = query.get("quantity");
  if (!a || !quantitiesOf(a).includes(quantity)) return problem(404, "no_forecast", `There is no forecast of ${quantity} for ${query.get("asset_id")}.`);
  const known = issueTimes(now, 120);
  const until = Date.parse(query.get("as_of") ?? "") || now;
  const issue = query.get("issue_time") ? Date.parse(query.get("issue_time")) : known.find((t) => t <= until);
  const page = forecastOf(a, quantity, issue, now);
  if (!accept.includes("text/csv")) return json(page);
  const lines = page.rows.flatMap((row) => page.quantiles.map((q, i) => [a.id, quantity, page.issue_time, row.valid_time, q, row.values[i]].join(",")));
  return { status: 200, type: "text/csv", body: ["asset_id,quantity,issue_time,valid_time,quantile,value", ...lines].join("\n") };
}

function about(path, query, now) {
  const a = byId.get(query.get("asset_id"));
  const quantity = query.get("quantity");
  if (!a || !quantitiesOf(a).includes(quantity)) return problem(404, "no_forecast", `There is no forecast of ${quantity} for ${query.get("asset_id")}.`);
  if (path.endsWith("verification")) return json(verificationOf(a, quantity, now));
  return json(explanationOf(a, quantity, query.get("issue_time") ? Date.parse(query.get("issue_time")) : issueTimes(now, 1)[0], now));
}

function stream(request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const say = (event, data, id) => response.write(`${id ? `id: ${id}\n` : ""}event: ${event}\ndata: ${data}\n\n`);
  const tell = (entry) => say("alert", entry.data, entry.id);
  say("hello", "{}");
  alerts.missed(Number(request.headers["last-event-id"] ?? Infinity)).forEach(tell);
  const stop = alerts.listen(tell);
  const beat = setInterval(() => { response.write(": beat\n\n"); say("telemetry", JSON.stringify({ now: iso(clock()) })); }, 5000);
  say("telemetry", JSON.stringify({ now: iso(clock()) }));
  if (!raised) { raised = true; setTimeout(() => alerts.raise(clock()), ALERT_MS); }
  request.on("close", () => { stop(); clearInterval(beat); });
}

function answer(method, path, query, body, headers) {
  const now = clock();
  const token = /chergui=([^;]+)/.exec(headers.cookie ?? "")?.[1];
  const known = sessions.has(token) || headers.authorization === `Bearer ${KEY}`;
  if (path === "/session" && method === "POST") {
    if (body.key !== KEY) return problem(401, "bad_key", "This key is not known here.");
    const fresh = Math.random().toString(36).slice(2);
    sessions.add(fresh);
    return { status: 204, type: "text/plain", body: "", headers: { "set-cookie": `chergui=${fresh}; HttpOnly; SameSite=Strict; Path=/` } };
  }
  if (!known) return problem(401, "no_session", "Log in first.");
  if (path === "/session") return method === "DELETE" ? (sessions.delete(token), { status: 204, type: "text/plain", body: "" }) : json({ name: "operator", role: "operator" });
  if (path === "/assets") return json({ assets: assets.filter((a) => !query.get("kind") || a.kind === query.get("kind")).map((a) => describe(a, now, query.get("include") === "latest")) });
  if (path === "/readings") return readings(query, now);
  if (path === "/forecasts") return forecasts(query, now, headers.accept ?? "");
  if (path === "/forecasts/explanation" || path === "/forecasts/verification") return about(path, query, now);
  if (path === "/forecasts/issues") return json({ issues: issueTimes(now, Number(query.get("limit") ?? 200)).map(iso) });
  if (path === "/alerts") {
    const states = query.get("state")?.split(",");
    return json({ alerts: alerts.list().filter((a) => (!states || states.includes(a.state)) && (!query.get("asset_id") || a.asset_id === query.get("asset_id"))), next_cursor: null });
  }
  if (path === "/connections") return json({ connections: connectionsOf(Date.now()) });
  if (path === "/alerts/budget") return json(budgetOf(alerts.list(), now));
  if (path === "/maintenance/plan" && method === "POST") {
    const plan = planOf(alerts.list(), body, now);
    return (headers.accept ?? "").includes("text/calendar") ? { status: 200, type: "text/calendar", body: calendarOf(plan) } : json(plan);
  }
  const [, room, id, action] = path.split("/").map(decodeURIComponent);
  if (room === "alerts" && id && action && method === "POST") {
    const done = alerts.act(id, action, body, "operator", now);
    return done.alert ? json(done.alert) : problem(done.status, done.code, done.detail);
  }
  if (room === "alerts" && alerts.find(id)) {
    if (action === "evidence") return json(evidenceOf(alerts.find(id), Number(query.get("hours") ?? 168), now));
    if (action === "log") return json(logOf(alerts.find(id), query.get("cursor"), now));
    return json(alerts.detail(id));
  }
  if (room === "assets" && byId.has(id)) {
    if (action !== "health") return json(describe(byId.get(id), now, true));
    const health = healthOf(byId.get(id), now);
    return health ? json(health) : problem(404, "not_watched", `${id} has no fitted watch yet.`);
  }
  return problem(404, "not_found", `Nothing at ${path}.`);
}

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
async function file(path, response) {
  const name = normalize(path === "/" ? "/index.html" : path);
  try {
    const bytes = await readFile(join(DIST, name));
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "content-security-policy": "default-src 'self'", "x-content-type-options": "nosniff" });
    response.end(bytes);
  } catch { response.writeHead(404).end("not found"); }
}

createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname.startsWith("/health/")) return response.writeHead(200, { "x-chergui-mock": "1" }).end("ok");
  if (!url.pathname.startsWith("/api/v1")) return file(url.pathname, response);
  const path = url.pathname.slice(7);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (path === "/alerts/stream" && /chergui=/.test(request.headers.cookie ?? "")) return stream(request, response);
  const tailed = /^\/connections\/([^/]+)\/tail$/.exec(path)?.[1];
  if (tailed && /chergui=/.test(request.headers.cookie ?? "") && tailOf(decodeURIComponent(tailed), request, response)) return undefined;
  const result = answer(request.method, path, url.searchParams, chunks.length ? JSON.parse(Buffer.concat(chunks)) : {}, request.headers);
  response.writeHead(result.status, { "content-type": result.type, ...result.headers });
  return response.end(typeof result.body === "string" ? result.body : JSON.stringify(result.body));
}).listen(PORT, "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${PORT}/#key=${KEY}`));
