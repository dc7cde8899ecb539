// Maintenance plan: when to send whom so that the least energy is lost, what that saves, and what it would be with other crews, hours or limits.
import { useState } from "preact/hooks";
import type { PlanRequest } from "../core/contract";
import { assetById, assets } from "../core/fleet";
import { download, Problem } from "../core/http";
import { serverNow } from "../core/live";
import { askPlan, conditionsOf, configured, planRequest } from "../core/plan";
import { useResource } from "../core/resource";
import { address } from "../core/route";
import { showMoment, shownZone } from "../core/time";
import { t } from "../core/words";
import { Down } from "../parts/icons";
import { PlanCalendar } from "../parts/plan-calendar";
import { PlanForm } from "../parts/plan-form";
import { LeftOut, PlanCost, Visits } from "../parts/plan-list";
import { Empty, Failed, Loading, problemText } from "../parts/states";
import { ZoneToggle } from "../parts/zone-toggle";

export function PlanPage() {
  const request = planRequest.value;
  const [asked, setAsked] = useState(0);
  const [outlined, setOutlined] = useState(true);
  const [refused, setRefused] = useState<string | null>(null);
  const told = useResource(`${asked}`, (abort) => askPlan(planRequest.value, asked > 0, abort), true);
  const plan = told.value.value;
  const known = assets.value !== undefined;
  const behind = useResource(plan && known ? `${plan.from}|${plan.to}|${plan.visits.length}|${asked}` : null, (abort) => (plan ? conditionsOf(plan, abort) : Promise.resolve([])), true);
  const error = told.error.value;
  const busy = told.loading.value;
  const first = plan?.visits[0] ?? plan?.left_out[0];
  const site = first && assetById.value.get(first.asset_id)?.timezone;
  const zone = shownZone(site);
  const ask = (next: PlanRequest) => { planRequest.value = next; setAsked(asked + 1); };
  const save = () => {
    setRefused(null);
    download("/maintenance/plan", "text/calendar", `maintenance-${plan?.from.slice(0, 10) ?? ""}.ics`, request).catch((problem: unknown) => setRefused(problem instanceof Problem ? problemText(problem) : String(problem)));
  };
  const windLimit = plan?.inputs?.wind_limit ?? request.wind_limit;
  const nothing = plan && plan.visits.length === 0 && plan.left_out.length === 0;
  return (
    <div class="page plan" aria-busy={busy}>
      <div class="toolbar plan-head">
        <div><h1>{t("planTitle")}</h1>{plan && <p class="muted">{showMoment(Date.parse(plan.from), zone)} – {showMoment(Date.parse(plan.to), zone)}</p>}</div>
        <div class="toolbar-end">
          <ZoneToggle />
          <button type="button" class="button" data-testid="plan-ics" disabled={!plan?.visits.length} onClick={save}><Down />{t("downloadIcs")}</button>
        </div>
      </div>
      {refused && <p class="refused" role="alert">{t("actionRefused", { detail: refused })}</p>}
      {error && <Failed problem={error} retry={told.reload} />}
      {!plan && !error && <section class="panel"><p class="muted note" role="status">{t("planning")}</p><Loading lines={6} /></section>}
      {nothing && <section class="panel"><Empty title={t("planEmpty")} help={t("planEmptyHelp")}><a class="button" href={address.alerts()}>{t("allAlerts")}</a></Empty></section>}
      {plan && !nothing && (
        <div class={`plan-body ${busy ? "is-loading" : ""}`} data-testid="plan-body" data-asked={busy ? "" : asked}>
          {plan.visits.length > 0 && (
            <section class="panel plan-top">
              <header class="panel-head"><h2>{t("planCalendar")}</h2><label class="check"><input type="checkbox" checked={outlined} onChange={(event) => setOutlined(event.currentTarget.checked)} />{t("showEarly")}</label></header>
              <PlanCalendar plan={plan} zone={zone} behind={behind.value.value ?? []} outlined={outlined} windLimit={windLimit} now={serverNow.value} />
            </section>
          )}
          <div class="plan-cost"><PlanCost plan={plan} /></div>
          <div class="plan-main">
            {plan.visits.length > 0 && <Visits plan={plan} zone={zone} windLimit={windLimit} />}
            <LeftOut plan={plan} />
          </div>
          <aside class="plan-side"><PlanForm usual={configured.value} request={request} plan={plan} zone={site} busy={busy} ask={ask} /></aside>
        </div>
      )}
      {!plan && error && <div class="plan-alone"><PlanForm usual={configured.value} request={request} plan={plan} zone={site} busy={busy} ask={ask} /></div>}
    </div>
  );
}
