// One connection as a row of the table (a card on a phone): where it stands, how fresh and how good its values are, what went wrong last; its live tail below when chosen.
import type { JSX, TargetedMouseEvent } from "preact";
import { protocolName, rates, SKEW_LIMIT_S, standing, wallNow } from "../core/connections";
import type { Connection, Phase } from "../core/contract";
import { address, go } from "../core/route";
import { showAge, showFull, showSpan } from "../core/time";
import { apart, DASH, digitsFor, phaseName, showNumber, showPercent, t } from "../core/words";
import { PhaseMark, SeverityMark } from "./icons";
import { Figure } from "./states";
import { TailPane } from "./tail-pane";

/** Heads of the columns, in order; on a phone they stand before each value. */
export const columns = () => [t("connection"), t("filterState"), t("lastValue"), t("lag"), t("clockSkew"), t("valuesPerSecond"), t("notGood"), t("rejects"), t("failures")] as const;

const TONES: Record<Phase | "silent", string> = { live: "good", silent: "warning", waiting: "warning", stopped: "critical", connecting: "info", backfilling: "info", idle: "rest", closed: "rest" };

const since = (time: string, now: number) => Math.min(Date.parse(time), now);

export function ConnectionRow({ connection, chosen }: { connection: Connection; chosen: boolean }) {
  const now = wallNow.value;
  const heads = columns();
  const state = standing(connection);
  const other = chosen ? address.connections() : address.connections(connection.name);
  const close = () => { go(address.connections()); document.getElementById(`connection-${connection.name}`)?.focus(); };
  const choose = (event: TargetedMouseEvent<HTMLElement>) => {
    // Words of the row can be marked and copied without opening it.
    if ((event.target as HTMLElement).closest("a, button, .tail") || getSelection()?.toString()) return;
    go(other);
  };
  const cell = (at: number, content: JSX.Element | string, name = "num") => <td class={name} data-head={heads[at]}>{content}</td>;
  return (
    <tbody class={`connection ${chosen ? "is-chosen" : ""}`} data-connection={connection.name} data-phase={connection.phase} onClick={choose}>
      <tr class="connection-main">
        <th scope="row">
          <a class="strong" id={`connection-${connection.name}`} href={other} aria-expanded={chosen} {...(chosen ? { "aria-controls": "tail" } : {})}><bdi>{connection.name}</bdi></a>
          <span class="muted small connection-peer"><bdi dir="ltr">{protocolName(connection.protocol)}</bdi> · <bdi dir="ltr">{connection.peer}</bdi></span>
        </th>
        {cell(1, <><span class={`phase phase-${TONES[state] ?? "rest"}`}><PhaseMark phase={state} />{phaseName(state)}</span> <span class="muted small" title={showFull(Date.parse(connection.since), "UTC")}>{t("stateFor", { span: showSpan(Math.max(0, Math.floor((now - Date.parse(connection.since)) / 1000))) })}</span></>, "connection-state")}
        {cell(2, connection.last_received ? <time dateTime={connection.last_received} title={`${showFull(Date.parse(connection.last_received), "UTC")} UTC`} class={connection.is_silent ? "stale-mark" : ""}>{showAge(since(connection.last_received, now), now)}</time> : <span class={connection.is_silent ? "stale-mark" : "muted"}>{t("never")}</span>, "")}
        {cell(3, connection.lag_s === null ? DASH : showSpan(connection.lag_s, 1))}
        {cell(4, <Skew seconds={connection.skew_s} />)}
        {cell(5, rateText(rates.value.get(connection.name)))}
        {cell(6, shareText(connection.bad, connection.values))}
        {cell(7, showNumber(connection.rejects, 0))}
        {cell(8, showNumber(connection.failures, 0))}
      </tr>
      {connection.last_error && <tr class="connection-error"><td colSpan={heads.length}><LastError connection={connection} now={now} /></td></tr>}
      {chosen && <tr class="connection-tail"><td colSpan={heads.length}><TailPane connection={connection} close={close} /></td></tr>}
    </tbody>
  );
}

const rateText = (rate: number | undefined) => (rate === undefined ? DASH : <Figure value={showNumber(rate, rate > 0 && rate < 1 ? 2 : digitsFor(rate))} />);

/** Few bad values among many are not none. */
function shareText(bad: number, all: number): JSX.Element | string {
  if (!all) return DASH;
  const share = bad / all;
  const small = bad > 0 && share < 0.0001;
  return <Figure value={small ? `< ${showPercent(0.0001, 2)}` : showPercent(share, share === 0 || share >= 0.1 ? 0 : share >= 0.01 ? 1 : 2)} />;
}

function Skew({ seconds }: { seconds: number | null }) {
  if (seconds === null) return <>{DASH}</>;
  const shown = showSpan(seconds, 1, true);
  if (Math.abs(seconds) <= SKEW_LIMIT_S) return <>{shown}</>;
  return <span class="phase phase-warning"><SeverityMark severity="warning" />{shown} <span class="small">{t(seconds > 0 ? "clockAhead" : "clockBehind")}</span></span>;
}

function LastError({ connection, now }: { connection: Connection; now: number }) {
  const at = connection.last_error_at;
  const isOver = connection.phase === "live" || connection.phase === "backfilling" || connection.phase === "closed";
  return (
    <p class={isOver ? "is-over" : ""}>
      <span class="muted small">{t("lastError")}{at && <> · <time dateTime={at}>{showFull(Date.parse(at), "UTC")} {apart("UTC")}</time> · {showAge(since(at, now), now)}</>}</span>
      <span class="connection-problem" dir="auto">{connection.last_error}</span>
    </p>
  );
}
