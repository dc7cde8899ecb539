// The plan in words: each stay with its work, what it costs, why then; what was left out and why; and what the plan saves.
import type { Plan, Visit } from "../core/contract";
import { assetById } from "../core/fleet";
import { alerts } from "../core/inbox";
import { staysOf } from "../core/plan";
import { address } from "../core/route";
import { showDay, showTime } from "../core/time";
import { apart, componentName, localText, modeName, showEnergy, showMoney, showNumber, showPercent, t } from "../core/words";
import { Figure } from "./states";

export function PlanCost({ plan }: { plan: Plan }) {
  const { cost, solver } = plan;
  const largest = Math.max(cost.plan_kwh, cost.as_soon_as_possible_kwh, 1e-9);
  const bar = (name: string, word: string, kwh: number, risk: number) => (
    <div class={`saving-row saving-${name}`}>
      <dt>{word}</dt>
      <dd>
        <Figure class="strong" value={showEnergy(kwh)} /> <span class="muted small">{t("planRisk", { risk: apart(showEnergy(risk)) })}</span>
        <svg class="share-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="share-track" width="100" height="6" /><rect class="share-part" width={100 * Math.max(0, Math.min(1, kwh / largest))} height="6" /></svg>
      </dd>
    </div>
  );
  return (
    <section class="panel saving" data-testid="plan-saving">
      <header class="panel-head"><h2>{t("planSaving")}</h2></header>
      <p class="saving-figure"><Figure class={cost.saving_kwh > 0 ? "good" : ""} value={showEnergy(cost.saving_kwh)} />{cost.saving !== null && <bdi class="muted">{showMoney(cost.saving, cost.currency)}</bdi>}</p>
      <dl>{bar("plan", t("thisPlan"), cost.plan_kwh, cost.risk_plan)}{bar("early", t("asSoonAsPossible"), cost.as_soon_as_possible_kwh, cost.risk_as_soon_as_possible)}</dl>
      <p class="muted small">{t("planSavingHelp")}</p>
      <p class="muted small">{solver.status === "optimal" ? t("solverOptimal") : t("solverFeasible", { gap: showPercent(solver.gap, solver.gap < 0.01 ? 1 : 0) })} <bdi dir="ltr">{showNumber(solver.seconds, 1)} s</bdi></p>
    </section>
  );
}

export function Visits({ plan, zone, windLimit }: { plan: Plan; zone: string; windLimit: number | undefined }) {
  return (
    <section class="panel" data-testid="plan-visits">
      <header class="panel-head"><h2>{t("visits")}</h2><p class="muted">{showNumber(plan.visits.length, 0)}</p></header>
      <ol class="visits">
        {staysOf(plan.visits).map((stay) => {
          const sameDay = showDay(stay.start, zone) === showDay(stay.end, zone);
          return (
            <li key={stay.key} class="visit">
              <p class="visit-when"><time dateTime={new Date(stay.start).toISOString()}><span class="strong">{showDay(stay.start, zone)}</span> <bdi dir="ltr">{showTime(stay.start, zone)}–{showTime(stay.end, zone)}</bdi>{!sameDay && <span class="muted"> ({showDay(stay.end, zone)})</span>}</time><span class="muted"><bdi>{stay.crew}</bdi> · <bdi>{people(Math.max(...stay.visits.map((visit) => visit.people)))}</bdi></span></p>
              <div class="visit-what">{stay.visits.map((visit) => <Work key={visit.alert_id} visit={visit} windLimit={windLimit} />)}</div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

const people = (n: number) => (n === 1 ? t("onePerson") : t("people", { n }));

function Work({ visit, windLimit }: { visit: Visit; windLimit: number | undefined }) {
  const others = (visit.alert_ids ?? []).filter((id) => id !== visit.alert_id);
  return (
    <>
      <p><a class="strong" href={address.alerts(visit.alert_id)}>{visit.asset_name}</a> · {componentName(visit.component)} · {modeName(visit.mode)}</p>
      {others.length > 0 && <p class="muted small">{t("alsoSettles")} {others.map((id, i) => { const other = alerts.value.get(id); return <span key={id}>{i > 0 && ", "}<a href={address.alerts(id)}>{other ? `${componentName(other.component)} · ${modeName(other.mode)}` : id}</a></span>; })}</p>}
      <p>{localText(visit.reason)}</p>
      <dl class="visit-facts">
        <div><dt>{t("lostWorking")}</dt><dd><Figure value={showEnergy(visit.production_lost_kwh)} /></dd></div>
        <div><dt>{t("lostWaiting")}</dt><dd><Figure value={showEnergy(visit.waiting_loss_kwh)} /></dd></div>
        <div><dt>{t("windMost")}</dt><dd>{visit.wind_speed_max === null ? <span class="muted">{t("unknown")}</span> : <><Figure value={showNumber(visit.wind_speed_max, 1)} unit="m/s" />{windLimit !== undefined && <span class="muted"> / {apart(showNumber(windLimit, 1))}</span>}</>}</dd></div>
      </dl>
    </>
  );
}

export function LeftOut({ plan }: { plan: Plan }) {
  if (!plan.left_out.length) return null;
  return (
    <section class="panel" data-testid="plan-left-out">
      <header class="panel-head"><h2>{t("leftOut")}</h2><p class="muted">{showNumber(plan.left_out.length, 0)}</p></header>
      <ul class="left-out">
        {plan.left_out.map((entry) => {
          const alert = alerts.value.get(entry.alert_id);
          return <li key={entry.alert_id}><a class="strong" href={address.alerts(entry.alert_id)}>{assetById.value.get(entry.asset_id)?.name ?? alert?.asset_name ?? entry.asset_id}</a>{alert && <> · {componentName(alert.component)} · {modeName(alert.mode)}</>}<span class="muted">{localText(entry.reason)}</span></li>;
        })}
      </ul>
    </section>
  );
}
