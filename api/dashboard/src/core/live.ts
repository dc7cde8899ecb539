// The live stream (SSE over fetch): hears events, watches the heartbeat, reconnects with back-off and Last-Event-ID.
// Who is interested subscribes; nothing is interpreted here but the server's clock.
import { computed, signal } from "@preact/signals";
import { session } from "./http";
import { readEvents, type Heard } from "./sse";
import { tick } from "./time";

export type LiveState = "connecting" | "live" | "cut";
export const liveState = signal<LiveState>("connecting");
/** When the next attempt is due, on the page's own clock. */
export const nextAttempt = signal(0);
/** The server's `now`, and when we heard it; null until the server says. */
export const heard = signal<{ now: number; at: number } | null>(null);
/** Time as the data sees it: the server's clock where known, carried on by ours. */
export const serverNow = computed(() => (heard.value ? heard.value.now + (tick.value - heard.value.at) : tick.value));

type Listener = (data: unknown) => void;
const listeners = new Map<string, Set<Listener>>();
export function onLive(event: string, listener: Listener): () => void {
  const set = listeners.get(event) ?? new Set();
  listeners.set(event, set.add(listener));
  return () => set.delete(listener);
}

const SILENCE_MS = 40_000;
let lastId = "";
let running: AbortController | undefined;
let failures = 0;
let timer = 0;

export function startLive(): void {
  stopLive();
  failures = 0;
  lastId = "";
  void connect();
}

export function stopLive(): void {
  clearTimeout(timer);
  running?.abort();
  running = undefined;
}

export function reconnectNow(): void {
  clearTimeout(timer);
  running?.abort();
  void connect();
}

async function connect(): Promise<void> {
  const abort = new AbortController();
  running = abort;
  if (liveState.value !== "cut") liveState.value = "connecting";
  let silence = 0;
  const alive = () => { clearTimeout(silence); silence = window.setTimeout(() => abort.abort(), SILENCE_MS); };
  alive();
  try {
    const answer = await fetch("/api/v1/alerts/stream", {
      headers: { accept: "text/event-stream", ...(lastId ? { "last-event-id": lastId } : {}) },
      credentials: "same-origin", cache: "no-store", signal: abort.signal,
    });
    if (answer.status === 401) { session.value = null; return; }
    if (!answer.ok || !answer.body) throw new Error(`stream: ${answer.status}`);
    liveState.value = "live";
    failures = 0;
    await readEvents(answer.body, hear, alive);
  } catch { /* cut, silent or aborted: all lead to the next attempt below */ } finally { clearTimeout(silence); }
  if (running !== abort) return;
  failures += 1;
  liveState.value = "cut";
  const wait = Math.min(30_000, 1000 * 2 ** Math.min(5, failures)) * (0.8 + 0.4 * Math.random());
  nextAttempt.value = Date.now() + wait;
  timer = window.setTimeout(() => void connect(), wait);
}

function hear({ event, id, data }: Heard): void {
  if (id !== undefined) lastId = id;
  if (!data.length) return;
  let value: unknown = null;
  try { value = JSON.parse(data.join("\n")); } catch { return; }
  const now = typeof value === "object" && value !== null && "now" in value ? Date.parse(String(value.now)) : NaN;
  if (Number.isFinite(now)) heard.value = { now, at: Date.now() };
  deliver(event, value);
}

function deliver(event: string, data: unknown): void {
  for (const listener of listeners.get(event) ?? []) listener(data);
}
