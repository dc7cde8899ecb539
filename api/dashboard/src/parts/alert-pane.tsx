// One alert in full: what, where, since when, why we think so (with the signal itself), what it costs, what to do, and everything that happened to it.
import { useEffect } from "preact/hooks";
import type { Alert } from "../core/contract";
import { assetById } from "../core/fleet";
import { histories, isShelved, loadHistory } from "../core/inbox";
import { serverNow } from "../core/live";
import { address } from "../core/route";
import { showAge, showFull, showMoment, shownZone } from "../core/time";
import { componentName, eventName, localText, modeName, showEnergy, showNumber, t } from "../core/words";
import { AlertActions } from "./alert-actions";
import { Evidence } from "./evidence";
import { Left } from "./icons";
import { Figure, SeverityBadge, StateBadge } from "./states";

export function AlertPane({ alert }: { alert: Alert }) {
  const asset = assetById.value.get(alert.asset_id);
  const zone = shownZone(asset?.timezone);
  const now = serverNow.value;
  useEffect(() => { void loadHistory(alert.id).catch(() => undefined); }, [alert.id, alert.updated_at]);
  const since = Date.parse(alert.started_at);
  return (
    <article class="pane" data-testid="alert-pane" data-alert={alert.id}>
      <a class="back" href={address.alerts()}><Left />{t("back")}</a>
      <header class="pane-head">
        <p class="pane-badges"><SeverityBadge alert={alert} /><StateBadge alert={alert} />{isShelved(alert) && alert.shelved_until && <span class="muted">{t("shelvedUntil", { time: showMoment(Date.parse(alert.shelved_until), zone) })}</span>}</p>
        <h2>{localText(alert.title)}</h2>
        <p class="muted"><a href={address.asset(alert.asset_id)}>{alert.asset_name}</a> · {componentName(alert.component)} · {modeName(alert.mode)}</p>
      </header>
      <AlertActions alert={alert} />
      <dl class="facts facts-wide">
        <div><dt>{t("since")}</dt><dd>{showFull(since, zone)}<br /><span class="muted">{showAge(since, now)} · {alert.incident_open ? t("incidentOngoing") : t("incidentOver")}</span></dd></div>
        <div><dt>{t("energyLost")}</dt><dd><Figure class="strong" value={showEnergy(alert.energy_lost_kwh)} /></dd></div>
        <div><dt>{t("anomalyScore")}</dt><dd>{alert.score === null ? "–" : <>{t("overLimit", { n: showNumber(alert.score, 1) })}</>}</dd></div>
        <div><dt>{t("occurrences")}</dt><dd>{alert.occurrences}</dd></div>
        <div><dt>{t("assignee")}</dt><dd>{alert.assignee ?? <span class="muted">{t("nobody")}</span>}</dd></div>
      </dl>
      <section class="advice"><h3>{t("whatToDo")}</h3><p>{localText(alert.advice)}</p></section>
      <Evidence alert={alert} zone={zone} />
      <History alert={alert} zone={zone} />
    </article>
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
              <span><strong>{eventName(event.kind)}</strong>{event.by && <> · {event.by}</>}{event.note && <q>{event.note}</q>}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
