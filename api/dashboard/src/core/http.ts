// The one way to the server: JSON in and out, problems (RFC 9457) as errors with their detail, 401 anywhere ends the session.
// Not here: what the answers mean.
import { signal } from "@preact/signals";
import type { Session } from "./contract";
import { language } from "./settings";

/** undefined: not asked yet; null: nobody is logged in. */
export const session = signal<Session | null | undefined>(undefined);

const KNOWN = "chergui.session";

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
  }
}

/** Sends a request; any answer that is not 2xx becomes a `Problem`. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...init });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Problem(0, "unreachable", "unreachable", "");
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && session.value) endSession();
  const text = await answer.text();
  let body: Record<string, unknown> = {};
  try { body = JSON.parse(text) as Record<string, unknown>; } catch { /* not a problem document: the status line has to do */ }
  const field = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  throw new Problem(answer.status, field("code"), field("title") || `HTTP ${answer.status}`, field("detail"));
}

export async function get<T>(path: string, query: Record<string, string | number | undefined> = {}, abort?: AbortSignal): Promise<T> {
  const answer = await send(path + queryText(query), { headers: { accept: "application/json" }, ...(abort ? { signal: abort } : {}) });
  return (await answer.json()) as T;
}

export async function post<T>(path: string, body: unknown, abort?: AbortSignal): Promise<T | undefined> {
  const answer = await send(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
    ...(abort ? { signal: abort } : {}),
  });
  return answer.status === 204 ? undefined : ((await answer.json()) as T);
}

export function queryText(query: Record<string, string | number | undefined>): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string | number] => pair[1] !== undefined && pair[1] !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}

/** Fetches a document (asked for with `body`, if any, in the chosen language) and hands it to the browser as a file. */
export async function download(path: string, accept: string, name: string, body?: unknown): Promise<void> {
  const answer = await send(path, body === undefined ? { headers: { accept } } : { method: "POST", headers: { accept, "accept-language": language.value, "content-type": "application/json" }, body: JSON.stringify(body) });
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function logIn(key: string): Promise<void> {
  await post("/session", { key });
  session.value = await get<Session>("/session");
  localStorage.setItem(KNOWN, "1");
}

export async function logOut(): Promise<void> {
  try { await send("/session", { method: "DELETE" }); } finally { endSession(); }
}

/** Takes the key from `#key=…` once, else resumes a session this browser had, else shows the form. */
export async function startSession(): Promise<void> {
  const match = /[#&?]key=([^&]+)/.exec(location.hash);
  if (match?.[1]) {
    const key = decodeURIComponent(match[1]);
    history.replaceState(null, "", `${location.pathname}${location.search}#/`);
    dispatchEvent(new HashChangeEvent("hashchange"));
    try { await logIn(key); } catch { endSession(); }
    return;
  }
  if (localStorage.getItem(KNOWN) === null) { session.value = null; return; }
  try { session.value = await get<Session>("/session"); } catch (problem) {
    if (problem instanceof Problem && problem.status === 0) session.value = null; else endSession();
  }
}

function endSession(): void {
  localStorage.removeItem(KNOWN);
  session.value = null;
}
