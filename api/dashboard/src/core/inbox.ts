// Alerts in this browser: the list kept current by the stream, what is new, and the actions with an optimistic change that is taken back on refusal.
import { computed, signal } from "@preact/signals";
import type { Alert, AlertDetail, AlertEvent, AlertState, Outcome, Severity } from "./contract";
import { get, post, Problem, session } from "./http";
import { onLive, serverNow } from "./live";

export const alerts = signal<ReadonlyMap<string, Alert>>(new Map());
export const alertsLoaded = signal(false);
export const alertsError = signal<Problem | undefined>(undefined);
/** Alerts that arrived by the stream a moment ago, for a discreet mark. */
export const fresh = signal<ReadonlySet<string>>(new Set());
/** Spoken by the live region when an alert arrives. */
export const announcement = signal<Alert | undefined>(undefined);

export const CLOSED: readonly AlertState[] = ["resolved", "false_positive"];
export const isClosed = (alert: Alert) => CLOSED.includes(alert.state);
export const isShelved = (alert: Alert) => alert.shelved_until !== null && Date.parse(alert.shelved_until) > serverNow.value;
export const SEVERITY_RANK: Record<Severity, number> = { critical: 2, warning: 1, info: 0 };

/** Folded under another alert that is still open: told there, not counted here. */
export function isFolded(alert: Alert): boolean {
  const parent = alert.parent_alert_id ? alerts.value.get(alert.parent_alert_id) : undefined;
  return parent !== undefined && !isClosed(parent);
}

export const activeAlerts = computed(() => [...alerts.value.values()].filter((alert) => !isClosed(alert)));
/** Active alerts of each asset, worst first. */
export const activeByAsset = computed(() => {
  const map = new Map<string, Alert[]>();
  for (const alert of activeAlerts.value) map.set(alert.asset_id, [...(map.get(alert.asset_id) ?? []), alert]);
  for (const list of map.values()) list.sort((a, b) => SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity]);
  return map;
});

function put(alert: Alert): void {
  const known = alerts.value.get(alert.id);
  if (known && Date.parse(known.updated_at) > Date.parse(alert.updated_at)) return;
  // What one answer leaves out (the stream is terser than the page of one alert) an earlier one has said.
  alerts.value = new Map(alerts.value).set(alert.id, { ...known, ...alert });
}

async function pages(state: string, most: number): Promise<Alert[]> {
  const all: Alert[] = [];
  let cursor: string | undefined;
  do {
    const page = await get<{ alerts: Alert[]; next_cursor: string | null }>("/alerts", { state, limit: 200, cursor });
    all.push(...page.alerts);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && all.length < most);
  return all;
}

export async function loadAlerts(): Promise<void> {
  if (!session.value) return;
  try {
    const [active, closed] = await Promise.all([pages("open,acknowledged,assigned", 1000), pages(CLOSED.join(","), 200)]);
    const before = alerts.value;
    alerts.value = new Map([...active, ...closed].map((alert) => [alert.id, { ...before.get(alert.id), ...alert }]));
    alertsError.value = undefined;
    alertsLoaded.value = true;
  } catch (problem) {
    alertsError.value = problem instanceof Problem ? problem : new Problem(0, "bad_answer", String(problem), String(problem));
  }
}
// Read again once the stream stands, so that nothing raised between the first reading and the stream is missed.
onLive("hello", () => void loadAlerts());
onLive("alert", (data) => {
  const alert = data as Alert;
  const isNew = alertsLoaded.value && !alerts.value.has(alert.id);
  put(alert);
  // What is folded away is not announced either: its parent was.
  if (!isNew || isFolded(alert)) return;
  fresh.value = new Set(fresh.value).add(alert.id);
  announcement.value = alert;
  setTimeout(() => { const rest = new Set(fresh.value); rest.delete(alert.id); fresh.value = rest; }, 45_000);
});

/** The history of the alerts looked at, newest state first fetched when opened and after every change. */
export const histories = signal<ReadonlyMap<string, AlertEvent[]>>(new Map());
export async function loadHistory(id: string): Promise<void> {
  const { events, ...alert } = await get<AlertDetail>(`/alerts/${encodeURIComponent(id)}`);
  put(alert);
  histories.value = new Map(histories.value).set(id, events);
}

export type Action =
  | { name: "acknowledge"; comment?: string }
  | { name: "assign"; assignee: string; comment?: string }
  | { name: "resolve"; outcome: Outcome; reason?: string }
  | { name: "shelve"; until: string; reason: string }
  | { name: "comment"; comment: string };

function after(alert: Alert, action: Action): Alert {
  switch (action.name) {
    case "acknowledge": return { ...alert, state: "acknowledged" };
    case "assign": return { ...alert, state: "assigned", assignee: action.assignee };
    case "resolve": return { ...alert, state: action.outcome === "false_positive" ? "false_positive" : "resolved" };
    case "shelve": return { ...alert, shelved_until: action.until };
    case "comment": return alert;
  }
}

/** Shows the result at once, asks the server, and takes the change back with the problem's words when refused. */
export async function act(id: string, action: Action): Promise<void> {
  const before = alerts.value.get(id);
  if (!before) return;
  const history = histories.value.get(id) ?? [];
  const { name, ...body } = action;
  const guess = after(before, action);
  const note = "comment" in action && action.comment ? action.comment : "reason" in action && action.reason ? action.reason : name === "assign" ? action.assignee : null;
  const pending: AlertEvent = { id: "pending", at: new Date(serverNow.value).toISOString(), kind: name === "resolve" ? guess.state : name, by: session.value?.name ?? null, note: note || null };
  alerts.value = new Map(alerts.value).set(id, guess);
  histories.value = new Map(histories.value).set(id, [...history, pending]);
  try {
    const answer = await post<Alert>(`/alerts/${encodeURIComponent(id)}/${name}`, body);
    if (answer) put(answer);
    await loadHistory(id).catch(() => undefined);
  } catch (problem) {
    if (alerts.value.get(id) === guess) alerts.value = new Map(alerts.value).set(id, before);
    histories.value = new Map(histories.value).set(id, history);
    void loadHistory(id).catch(() => undefined);
    throw problem;
  }
}
