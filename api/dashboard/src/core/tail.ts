// What a connection says line by line, as it says it: the newest lines, held back while paused, heard only while the page can be seen.
import { signal, type Signal } from "@preact/signals";
import { wallNow } from "./connections";
import { Problem, send } from "./http";
import { readEvents } from "./sse";
import type { Word } from "./words";

/** A line as it came, or a remark of ours about lines that did not come. */
export interface TailLine { id: number; at: number; text: string; remark: Word | undefined }
export type TailState = "connecting" | "live" | "cut";

export interface Tail {
  lines: Signal<readonly TailLine[]>;
  state: Signal<TailState>;
  problem: Signal<Problem | undefined>;
  paused: Signal<boolean>;
  /** Lines that came since the pause. */
  held: Signal<number>;
  /** Begins; what it returns ends it. */
  follow: () => () => void;
  pause: (on: boolean) => void;
  clear: () => void;
}

/** No more lines than this are kept. */
const MOST = 500;
/** Lines that come closer together than this are shown together. */
const TOGETHER_MS = 150;
/** Answers that asking again does not change. */
const FINAL = new Set([400, 401, 403, 404]);

export function makeTail(name: string): Tail {
  const lines = signal<readonly TailLine[]>([]);
  const state = signal<TailState>("connecting");
  const problem = signal<Problem | undefined>(undefined);
  const paused = signal(false);
  const held = signal(0);
  let waiting: TailLine[] = [];
  let count = 0;
  let failures = 0;
  let wasLive = false;
  let running: AbortController | undefined;
  let retry = 0;
  let flushing = 0;

  const flush = () => {
    flushing = 0;
    if (paused.value || !waiting.length) return;
    lines.value = [...lines.value, ...waiting].slice(-MOST);
    waiting = [];
  };
  const add = (text: string, remark?: Word) => {
    count += 1;
    waiting.push({ id: count, at: wallNow.value, text, remark });
    if (waiting.length > MOST) waiting.shift();
    if (paused.value) held.value += 1;
    else if (!flushing) flushing = window.setTimeout(flush, TOGETHER_MS);
  };

  const stop = () => { clearTimeout(retry); running?.abort(); running = undefined; };
  const connect = async () => {
    stop();
    const abort = new AbortController();
    running = abort;
    if (state.value === "live") state.value = "connecting";
    try {
      const answer = await send(`/connections/${encodeURIComponent(name)}/tail`, { headers: { accept: "text/event-stream" }, cache: "no-store", signal: abort.signal });
      if (running !== abort || !answer.body) return;
      if (wasLive) add("", "tailGap");
      wasLive = true;
      failures = 0;
      state.value = "live";
      problem.value = undefined;
      await readEvents(answer.body, ({ event, data }) => {
        if (event === "lagged") add("", "tailLagged");
        else if (event === "message") for (const line of data) add(line);
      });
    } catch (caught) { if (running === abort && caught instanceof Problem) problem.value = caught; }
    if (running !== abort) return;
    failures += 1;
    state.value = "cut";
    if (problem.value && FINAL.has(problem.value.status)) return;
    retry = window.setTimeout(() => void connect(), Math.min(30_000, 500 * 2 ** Math.min(6, failures)) * (0.8 + 0.4 * Math.random()));
  };

  return {
    lines, state, problem, paused, held,
    follow: () => {
      const look = () => { if (document.visibilityState === "visible") void connect(); else stop(); };
      look();
      document.addEventListener("visibilitychange", look);
      return () => { document.removeEventListener("visibilitychange", look); stop(); clearTimeout(flushing); };
    },
    pause: (on) => { paused.value = on; held.value = 0; if (!on) flush(); },
    clear: () => { lines.value = []; waiting = []; held.value = 0; },
  };
}
