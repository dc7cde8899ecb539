// The live tail of one connection, under its row: its counts, and the lines as they come. It stays at the newest line unless one has scrolled away from it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Connection } from "../core/contract";
import { makeTail, type TailLine } from "../core/tail";
import { showClock, showFull, showSpan } from "../core/time";
import { showNumber, t } from "../core/words";
import { problemText } from "./states";

export function TailPane({ connection, close }: { connection: Connection; close: () => void }) {
  const [tail] = useState(() => makeTail(connection.name));
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => tail.follow(), []);
  const lines = tail.lines.value;
  useLayoutEffect(() => { if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines]);
  const paused = tail.paused.value;
  const state = tail.state.value;
  const problem = tail.problem.value;
  const fact = (word: string, value: string) => <div><dt>{word}</dt><dd>{value}</dd></div>;
  return (
    <section class="tail" id="tail" aria-label={t("tailOf", { name: connection.name })} data-testid="tail" data-state={state}>
      <dl class="facts facts-wide">
        {fact(t("points"), showNumber(connection.points, 0))}
        {fact(t("assetCount"), showNumber(connection.assets, 0))}
        {fact(t("received"), showNumber(connection.values, 0))}
        {fact(t("stored"), showNumber(connection.stored, 0))}
        {fact(t("timesConnected"), showNumber(connection.connects, 0))}
        {fact(t("silentAfter"), showSpan(connection.silence_s))}
        <div><dt>{t("newestStamp")}</dt><dd>{connection.newest ? <time dateTime={connection.newest}>{showFull(Date.parse(connection.newest), "UTC")} <bdi>UTC</bdi></time> : t("never")}</dd></div>
      </dl>
      <header class="tail-head">
        <h2>{t("tail")}</h2>
        <span class={`live live-${state}`}><i aria-hidden="true" />{state === "live" ? t("live") : state === "connecting" ? t("connecting") : t("tailCut")}</span>
        {paused && <span class="stale-mark" role="status">{t("tailPaused")} · {t("tailHeld", { n: showNumber(tail.held.value, 0) })}</span>}
        <span class="tail-actions">
          <button type="button" class={`button ${paused ? "is-on" : ""}`} data-testid="tail-pause" onClick={() => tail.pause(!paused)}>{paused ? t("tailResume") : t("tailPause")}</button>
          <button type="button" class="button" data-testid="tail-clear" disabled={!lines.length} onClick={tail.clear}>{t("tailClear")}</button>
          <button type="button" class="button" data-testid="tail-close" onClick={close}>{t("dismiss")}</button>
        </span>
      </header>
      {problem && <p class="refused" role="alert">{problemText(problem)}</p>}
      {!(problem && !lines.length) && <div ref={box} class="tail-lines" tabIndex={0} role="log" aria-live="off" aria-label={t("tailOf", { name: connection.name })} onScroll={(event) => { const { scrollHeight, scrollTop, clientHeight } = event.currentTarget; atEnd.current = scrollHeight - scrollTop - clientHeight < 24; }}>
        {lines.length ? <ol dir="ltr">{lines.map((line) => <Line key={line.id} line={line} />)}</ol> : <p class="muted">{t("tailEmpty")}</p>}
      </div>}
    </section>
  );
}

const Line = ({ line }: { line: TailLine }) => (
  <li class={line.remark ? "tail-remark" : /^(lost|refused):/.test(line.text) ? "tail-trouble" : ""}>
    <time dateTime={new Date(line.at).toISOString()}>{showClock(line.at)}</time> {line.remark ? <bdi>{t(line.remark)}</bdi> : <span>{line.text}</span>}
  </li>
);
