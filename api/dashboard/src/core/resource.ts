// Loading something for a page: the value, whether it is on its way, and the error with a way to retry. The old value stays while the new one comes.
import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Problem } from "./http";

export interface Resource<T> {
  value: Signal<T | undefined>;
  error: Signal<Problem | undefined>;
  loading: Signal<boolean>;
  reload: () => void;
}

/** Loads when `key` changes (null: nothing to load); a change of key forgets the old value unless `keep`. */
export function useResource<T>(key: string | null, load: (abort: AbortSignal) => Promise<T>, keep = false): Resource<T> {
  const state = useMemo(() => ({
    value: signal<T | undefined>(undefined),
    error: signal<Problem | undefined>(undefined),
    loading: signal(key !== null),
    load,
    abort: undefined as AbortController | undefined,
    reload: () => { /* set below */ },
  }), []);
  state.load = load;
  state.reload = () => {
    state.abort?.abort();
    const abort = new AbortController();
    state.abort = abort;
    state.loading.value = true;
    state.load(abort.signal).then(
      (value) => { if (!abort.signal.aborted) { state.value.value = value; state.error.value = undefined; state.loading.value = false; } },
      (problem: unknown) => {
        if (abort.signal.aborted) return;
        state.error.value = problem instanceof Problem ? problem : new Problem(0, "bad_answer", String(problem), String(problem));
        state.loading.value = false;
      },
    );
  };
  useEffect(() => {
    if (!keep) { state.value.value = undefined; state.error.value = undefined; }
    if (key === null) { state.loading.value = false; return undefined; }
    state.reload();
    return () => state.abort?.abort();
  }, [key]);
  return state;
}
