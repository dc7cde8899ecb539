// What if: other crews, hours, wind limit or price. Fields left empty keep to the configuration; nothing here changes it.
import { useState } from "preact/hooks";
import type { Crew, Plan, PlanRequest } from "../core/contract";
import { locale, t } from "../core/words";

const DAYS = [3, 5, 7, 10, 14];
const ZONE = "Africa/Casablanca";
const MONDAY = Date.UTC(2026, 0, 5);

interface Props { usual: Plan["inputs"]; request: PlanRequest; plan: Plan | undefined; zone: string | undefined; busy: boolean; ask: (request: PlanRequest) => void }

const numberOf = (text: string) => { const value = Number.parseFloat(text.replace(",", ".")); return Number.isFinite(value) && value > 0 ? value : undefined; };

export function PlanForm({ usual, request, plan, zone, busy, ask }: Props) {
  const [days, setDays] = useState(request.days ?? 7);
  const [wind, setWind] = useState(request.wind_limit === undefined ? "" : String(request.wind_limit));
  const [price, setPrice] = useState(request.price_per_mwh === undefined ? "" : String(request.price_per_mwh));
  const [crews, setCrews] = useState<Crew[] | undefined>(request.crews);
  const fresh = (name: string): Crew => ({ name, people: 2, hours: { start: "07:00", end: "17:00", timezone: zone ?? ZONE, weekdays: [1, 2, 3, 4, 5, 6] } });
  const known = usual?.crews?.map((crew) => crew.name) ?? [...new Set([...(plan?.visits ?? []), ...(plan?.as_soon_as_possible ?? [])].map((visit) => visit.crew))].sort((a, b) => a.localeCompare(b));
  const change = (at: number, crew: Crew) => setCrews((crews ?? []).map((other, i) => (i === at ? crew : other)));
  const submit = (event: Event) => {
    event.preventDefault();
    const [limit, per] = [numberOf(wind), numberOf(price)];
    ask({ days, ...(limit === undefined ? {} : { wind_limit: limit }), ...(per === undefined ? {} : { price_per_mwh: per }), ...(crews === undefined ? {} : { crews }) });
  };
  return (
    <form class="panel plan-form" onSubmit={submit} data-testid="plan-form" aria-label={t("whatIf")}>
      <header class="panel-head"><h2>{t("whatIf")}</h2><p class="muted">{t("whatIfHelp")}</p></header>
      <div class="plan-fields">
        <label>{t("planDays")}<select name="days" value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>{DAYS.map((n) => <option key={n} value={n}>{t("days", { n })}</option>)}</select></label>
        <label><span>{t("windLimit")} <bdi dir="ltr">(m/s)</bdi></span><input name="wind_limit" type="number" min="1" max="40" step="0.5" inputMode="decimal" placeholder={usual?.wind_limit === undefined ? t("asConfigured") : t("asConfiguredIs", { value: usual.wind_limit })} value={wind} onInput={(event) => setWind(event.currentTarget.value)} /></label>
        <label>{t("pricePerMwh")}<input name="price_per_mwh" type="number" min="0" step="any" inputMode="decimal" placeholder={usual?.price_per_mwh == null ? t("asConfigured") : t("asConfiguredIs", { value: usual.price_per_mwh })} value={price} onInput={(event) => setPrice(event.currentTarget.value)} /></label>
      </div>
      {crews === undefined ? (
        <p class="crews-configured"><span>{t("crews")}: <span class="muted">{known.length ? known.join(", ") : t("asConfigured")}</span></span> <button type="button" class="button" data-testid="change-crews" onClick={() => setCrews(usual?.crews?.length ? usual.crews : (known.length ? known : [t("crewNamed", { n: 1 })]).map(fresh))}>{t("changeCrews")}</button></p>
      ) : (
        <>
          {crews.map((crew, i) => <CrewFields key={i} crew={crew} change={(next) => change(i, next)} remove={crews.length > 1 ? () => setCrews(crews.filter((_, at) => at !== i)) : undefined} />)}
          <p class="action-row"><button type="button" class="button" onClick={() => setCrews([...crews, fresh(t("crewNamed", { n: crews.length + 1 }))])}>{t("addCrew")}</button><button type="button" class="button" onClick={() => setCrews(undefined)}>{t("crewsAsConfigured")}</button></p>
        </>
      )}
      <p class="action-row"><button type="submit" class="button primary" data-testid="plan-again" disabled={busy}>{busy ? t("planning") : t("planAgain")}</button></p>
    </form>
  );
}

function CrewFields({ crew, change, remove }: { crew: Crew; change: (crew: Crew) => void; remove: (() => void) | undefined }) {
  const { hours } = crew;
  const dayName = new Intl.DateTimeFormat(locale.value, { weekday: "short", timeZone: "UTC" });
  const longName = new Intl.DateTimeFormat(locale.value, { weekday: "long", timeZone: "UTC" });
  const toggle = (day: number) => change({ ...crew, hours: { ...hours, weekdays: hours.weekdays.includes(day) ? hours.weekdays.filter((other) => other !== day) : [...hours.weekdays, day].sort() } });
  return (
    <fieldset class="crew">
      <legend class="visually-hidden">{crew.name}</legend>
      <label>{t("crew")}<input name="crew" required value={crew.name} onInput={(event) => change({ ...crew, name: event.currentTarget.value })} /></label>
      <label>{t("peopleWord")}<input name="people" type="number" min="1" max="20" required value={crew.people} onInput={(event) => change({ ...crew, people: Number(event.currentTarget.value) || 1 })} /></label>
      <label>{t("hoursFrom")}<input name="start" type="time" required value={hours.start} onInput={(event) => change({ ...crew, hours: { ...hours, start: event.currentTarget.value } })} /></label>
      <label>{t("hoursTo")}<input name="end" type="time" required value={hours.end} onInput={(event) => change({ ...crew, hours: { ...hours, end: event.currentTarget.value } })} /></label>
      <div class="weekdays joined" role="group" aria-label={t("weekdays")}>
        {[1, 2, 3, 4, 5, 6, 7].map((day) => <button key={day} type="button" class={`button ${hours.weekdays.includes(day) ? "is-on" : ""}`} aria-pressed={hours.weekdays.includes(day)} aria-label={longName.format(MONDAY + (day - 1) * 86_400_000)} onClick={() => toggle(day)}>{dayName.format(MONDAY + (day - 1) * 86_400_000)}</button>)}
      </div>
      {remove && <button type="button" class="button quiet" onClick={remove}>{t("remove")}</button>}
    </fieldset>
  );
}
