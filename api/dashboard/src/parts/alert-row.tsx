// One alert as a line of a list: how bad, what, where, since when, what it costs, who has it.
import type { Alert } from "../core/contract";
import { fresh, isClosed } from "../core/inbox";
import { serverNow } from "../core/live";
import { address } from "../core/route";
import { showAge } from "../core/time";
import { componentName, localText, severityName, showEnergy, t } from "../core/words";
import { SeverityMark } from "./icons";
import { Figure, StateBadge } from "./states";

export function AlertRow({ alert, chosen = false }: { alert: Alert; chosen?: boolean }) {
  const now = serverNow.value;
  const isNew = fresh.value.has(alert.id);
  return (
    <li class={`alert-row severity-${alert.severity} ${chosen ? "is-chosen" : ""} ${isNew ? "is-new" : ""} ${isClosed(alert) ? "is-closed" : ""}`} data-alert={alert.id} data-state={alert.state}>
      <a href={address.alerts(alert.id)} aria-current={chosen ? "true" : undefined}>
        <SeverityMark severity={alert.severity} label={severityName(alert.severity)} />
        <span class="row-title">{localText(alert.title)}{isNew && <span class="tag tag-new">{t("newMark")}</span>}</span>
        <span class="row-age" title={alert.started_at}>{showAge(Date.parse(alert.started_at), now)}</span>
        <span class="row-facts">
          <span>{alert.asset_name}</span><span>{componentName(alert.component)}</span>
          {alert.energy_lost_kwh !== null && <span><Figure value={showEnergy(alert.energy_lost_kwh)} /></span>}
          {alert.assignee && <span>{alert.assignee}</span>}
          {(alert.children ?? 0) > 0 && <span>{t("foldedCount", { n: alert.children ?? 0 })}</span>}
        </span>
        <StateBadge alert={alert} />
      </a>
    </li>
  );
}
