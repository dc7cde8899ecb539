// The connections to plants as the server last told them, read again while somebody looks; how fast values come is the difference between readings.
// Their times are the wall clock's, not those of the data, which a demo may run ahead.
import { computed, signal } from "@preact/signals";
import type { Connection, Phase } from "./contract";
import { Problem, send, session } from "./http";
import { tick } from "./time";

export const connections = signal<Connection[] | undefined>(undefined);
export const connectionsError = signal<Problem | undefined>(undefined);
/** Values per second of each connection, once it was read twice. */
export const rates = signal<ReadonlyMap<string, number>>(new Map());

const EVERY_MS = 5000;
/** An answer that takes longer is none. */
const PATIENCE_MS = 15_000;
/** Rates are taken over this, so that a device that is asked every ten seconds does not seem to come and go. */
const RATE_MS = 30_000;
/** A clock further from the server's than this many seconds is worth a look. */
export const SKEW_LIMIT_S = 5;

/** How far the server's wall clock is from ours, as far as the header of an answer tells (it counts whole seconds). */
const ahead = signal(0);
export const wallNow = computed(() => tick.value + ahead.value);

const PROTOCOLS: Record<string, string> = { modbus: "Modbus", mqtt: "MQTT", opcua: "OPC UA", iec104: "IEC 60870-5-104", mms: "IEC 61850 MMS", http: "HTTP" };
export const protocolName = (name: string) => PROTOCOLS[name] ?? name;

/** Live without values for too long is something else to those who look. */
export const standing = (connection: Connection): Phase | "silent" => (connection.phase === "live" && connection.is_silent ? "silent" : connection.phase);

let seen = new Map<string, { at: number; values: number }[]>();
function measure(list: Connection[]): void {
  const at = performance.now();
  const next: typeof seen = new Map();
  const found = new Map<string, number>();
  for (const { name, values } of list) {
    const before = seen.get(name) ?? [];
    const last = before.at(-1);
    // Counts that fell are those of a server that was started again.
    const kept = last && values >= last.values ? before.filter((one) => one === last || one.at >= at - RATE_MS) : [];
    const first = kept[0];
    if (first && at - first.at > 500) found.set(name, ((values - first.values) / (at - first.at)) * 1000);
    next.set(name, [...kept, { at, values }]);
  }
  seen = next;
  rates.value = found;
}

let busy = false;
/** Reads the connections again; a call while another is on its way is dropped. */
export async function loadConnections(): Promise<void> {
  if (!session.value || busy) return;
  busy = true;
  try {
    const answer = await send("/connections", { headers: { accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const off = Date.parse(answer.headers.get("date") ?? "") - Date.now();
    if (Math.abs(off - ahead.value) > 2000) ahead.value = off;
    const list = ((await answer.json()) as { connections: Connection[] }).connections;
    measure(list);
    connections.value = list;
    connectionsError.value = undefined;
  } catch (problem) {
    connectionsError.value = problem instanceof Problem ? problem : new Problem(0, "bad_answer", String(problem), String(problem));
  } finally { busy = false; }
}

/** Reads at once and then every few seconds while the page can be seen, until told to stop. */
export function watchConnections(): () => void {
  const look = () => { if (document.visibilityState === "visible") void loadConnections(); };
  look();
  const timer = setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  return () => { clearInterval(timer); document.removeEventListener("visibilitychange", look); };
}
