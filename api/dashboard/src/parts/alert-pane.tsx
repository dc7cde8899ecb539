// One alert in full: what, where, since when, why we think so, where it leads, what it costs, what to do, and everything that happened to it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Alert, AlertEvidence } from "../core/contract";
import { assetById } from "../core/fleet";
import { get } from "../core/http";
import { histories, isShelved, loadHistory } from "../core/inbox";
import { serverNow } from "../core/live";
import { useResource } from "../core/resource";
import { address } from "../core/route";
import { showAge, showFull, showMoment, shownZone, tick } from "../core/time";
import { componentName, eventName, localText, modeName, showEnergy, showMoney, showNumber, t } from "../core/words";
import { AlertActions } from "./alert-actions";
import { Evidence, windowFor } from "./evidence";
import { Children, ControllerLog, ParentLink } from "./folded";
import { Left } from "./icons";
import { Pattern } from "./pattern";
import { Advice } from "./playbook";
import { SeverityBadge, StateBadge } from "./states";
import { Pair, Trend } from "./trend";
import { ZoneToggle } from "./zone-toggle";

const REFRESH_MS = 300_000;

export function AlertPane({ alert }: { alert: Alert }) {
  const zone = shownZone(assetById.value.get(alert.asset_id)?.timezone);
  const now = serverNow.value;
  const [hours, setHours] = useState(() => windowFor(alert, serverNow.value));
  const told = useResource<AlertEvidence>(`${alert.id}|${hours}`, (abort) => get<AlertEvidence>(`/alerts/${encodeURIComponent(alert.id)}/evidence`, { hours }, abort), true);
  useEffect(() => { void loadHistory(alert.id).catch(() => undefined); }, [alert.id, alert.updated_at]);
  // By our own clock (the server's may run a thousand times faster in a demo), and seldom: evidence is dear to compute.
  const minutes = Math.floor(tick.value / REFRESH_MS);
  useEffect(() => { if (alert.incident_open && told.value.value) told.reload(); }, [minutes]);
  // A new alert is read from its beginning; where it takes the place of the list, so does the focus.
  const page = useRef<HTMLElement>(null);
  useEffect(() => {
    page.current?.closest(".inbox-detail")?.scrollTo(0, 0);
    if (page.current?.closest(".inbox")?.querySelector<HTMLElement>(".inbox-list")?.offsetParent !== null) return;
    scrollTo(0, 0);
    page.current.focus({ preventScroll: true });
  }, []);
  const value = told.value.value;
  return (
    <article ref={page} tabIndex={-1} class="pane" data-testid="alert-pane" data-alert={alert.id} data-mode={alert.mode} aria-label={localText(alert.title)}>
      <a class="back" href={address.alerts()}><Left />{t("back")}</a>
      <header class="pane-head">
        <p class="pane-badges"><SeverityBadge alert={alert} /><StateBadge alert={alert} />{isShelved(alert) && alert.shelved_until && <span class="muted">{t("shelvedUntil", { time: showMoment(Date.parse(alert.shelved_until), zone) })}</span>}<span class="pane-zone"><ZoneToggle /></span></p>
        <h2>{localText(alert.title)}</h2>
        <p class="muted"><a href={address.asset(alert.asset_id)}>{alert.asset_name}</a> · {componentName(alert.component)} · <span data-testid="mode">{modeName(alert.mode)}</span></p>
        <ParentLink alert={alert} />
      </header>
      <AlertActions alert={alert} />
      <Facts alert={alert} zone={zone} now={now} />
      <div class="pane-grid">
        <div class="pane-act"><Advice alert={alert} /></div>
        <div class="pane-main">
          <Trend alert={alert} told={value} now={now} zone={zone} />
          <Evidence alert={alert} told={told} zone={zone} hours={hours} choose={setHours} />
          <Children alert={alert} />
          <ControllerLog key={alert.id} alert={alert} told={value} zone={zone} />
        </div>
        <div class="pane-side"><Pattern alert={alert} /><History alert={alert} zone={zone} /></div>
      </div>
    </article>
  );
}

function Facts({ alert, zone, now }: { alert: Alert; zone: string; now: number }) {
  const since = Date.parse(alert.started_at);
  const { money } = alert;
  const ahead = alert.energy_expected_kwh ?? null;
  return (
    <dl class="facts facts-wide" data-testid="facts">
      <div><dt>{t("since")}</dt><dd>{showFull(since, zone)}<br /><span class="muted">{showAge(since, now)} · {alert.incident_open ? t("incidentOngoing") : t("incidentOver")}</span></dd></div>
      <div data-testid="loss"><dt>{t("energyLost")}</dt><dd><Pair lost={showEnergy(alert.energy_lost_kwh)} ahead={ahead === null ? null : showEnergy(ahead)} /></dd></div>
      {money && <div data-testid="money"><dt>{t("moneyLost")}</dt><dd><Pair lost={showMoney(money.lost, money.currency)} ahead={money.expected === null ? null : showMoney(money.expected, money.currency)} /></dd></div>}
      <div><dt>{t("anomalyScore")}</dt><dd>{alert.score === null ? "–" : <>{t("overLimit", { n: showNumber(alert.score, 1) })}</>}<br /><span class="muted">{t("occurrencesAre", { n: showNumber(alert.occurrences, 0) })}</span></dd></div>
      <div><dt>{t("assignee")}</dt><dd data-testid="assignee">{alert.assignee ?? <span class="muted">{t("nobody")}</span>}</dd></div>
    </dl>
  );
}

function History({ alert, zone }: { alert: Alert; zone: string }) {
  const events = histories.value.get(alert.id) ?? [];
  return (
    <section class="history">
      <h3>{t("history")}</h3>
      {events.length === 0 ? <p class="muted">{t("noHistory")}</p> : (
        <ol data-testid="history">
          {[...events].reverse().map((event) => (
            <li key={event.id} data-kind={event.kind} class={event.id === "pending" ? "is-pending" : ""}>
              <time dateTime={event.at}>{showMoment(Date.parse(event.at), zone)}</time>
              <span><strong>{eventName(event.kind)}</strong>{event.by && <> · <bdi>{event.by}</bdi></>}{event.note && <q><bdi>{event.note}</bdi></q>}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
