// The plan as a calendar: a row per crew, its stays as blocks, the same visits as soon as possible as outlines, the expected production behind.
import type { Plan } from "../core/contract";
import { calendarOf, placeOf, type Calendar } from "../core/calendar";
import { staysOf, type Hour, type Stay } from "../core/plan";
import { assetById, UNIT_KINDS } from "../core/fleet";
import { address } from "../core/route";
import { showDay, showMoment, showTime } from "../core/time";
import { apart, componentName, readable, showNumber, t } from "../core/words";
import { shortName } from "./tiles";

const HOUR = 3_600_000;
/** A stay with more wind than this share of the limit is close to it. */
const CLOSE = 0.85;

interface Props { plan: Plan; zone: string; behind: Hour[]; outlined: boolean; windLimit: number | undefined; now: number }

export function PlanCalendar({ plan, zone, behind, outlined, windLimit, now }: Props) {
  const stays = staysOf(plan.visits);
  const early = staysOf(plan.as_soon_as_possible);
  const crews = [...new Set([...stays, ...early].map((stay) => stay.crew))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const calendar = calendarOf(Date.parse(plan.from), Date.parse(plan.to), [...stays, ...early].map((stay) => [stay.start, stay.end]), zone);
  const [opens, closes] = calendar.hours;
  const [long, whole] = [closes - opens > 14, closes - opens === 24];
  const percent = (share: number) => `${(100 * share).toFixed(3)}%`;
  const box = (stay: Stay) => {
    const from = placeOf(calendar, stay.start);
    return { left: percent(from), width: percent(Math.max(0.004, placeOf(calendar, stay.end) - from)) };
  };
  const title = (stay: Stay) => [stay.asset_name, stay.visits.map((visit) => componentName(visit.component)).join(", "), stay.crew, `${showMoment(stay.start, zone)} – ${showMoment(stay.end, zone)}`].join(" · ");
  const wind = (stay: Stay) => Math.max(...stay.visits.map((visit) => visit.wind_speed_max ?? -1));
  const most = behind.reduce((high, hour) => Math.max(high, hour.kw ?? 0), 0);
  const windy = windLimit !== undefined && behind.some((hour) => (hour.wind ?? 0) > windLimit);
  const scale = readable("kW", most);
  return (
    <>
      <p class="chart-key">
        <span><i class="key key-stay" />{t("planVisitKey")}</span>
        {outlined && <span><i class="key key-early" />{t("asSoonAsPossible")}</span>}
        {most > 0 && <span><i class="key key-production" />{t("planProduction", { most: apart(`${showNumber(most * scale.factor, 0)} ${scale.unit}`) })}</span>}
        {windLimit !== undefined && windy && <span><i class="key key-storm" />{t("planStorm", { limit: apart(`${showNumber(windLimit, 1)} m/s`) })}</span>}
        {windLimit !== undefined && stays.some((stay) => wind(stay) >= CLOSE * windLimit) && <span><i class="key key-windy" />{t("planWindy", { limit: apart(`${showNumber(windLimit, 1)} m/s`) })}</span>}
      </p>
      <div class="calendar-scroll" dir="ltr" tabIndex={0} role="group" aria-label={t("planCalendar")} data-testid="plan-calendar">
        <div class={`calendar ${long ? "is-long" : ""}`}>
          <div class="calendar-crews" aria-hidden="true"><span class="calendar-corner" />{crews.map((crew) => <span key={crew} class="calendar-crew"><bdi>{crew}</bdi></span>)}</div>
          <div class="calendar-area">
            <Behind calendar={calendar} hours={behind} most={most} windLimit={windLimit} now={now} from={Date.parse(plan.from)} />
            <div class="calendar-days" aria-hidden="true">{calendar.days.map((day) => <span key={day.start} class="calendar-day"><bdi class="strong">{showDay(day.start, zone)}</bdi>{!whole && <span class="muted small">{showTime(day.start, zone)}–{showTime(day.end, zone)}</span>}</span>)}</div>
            {crews.map((crew) => (
              <ul key={crew} class="calendar-row" aria-label={crew}>
                {outlined && early.filter((stay) => stay.crew === crew).map((stay) => <li key={`early${stay.key}`} class="stay stay-early" style={box(stay)} title={`${t("asSoonAsPossible")}: ${title(stay)}`} aria-hidden="true" />)}
                {stays.filter((stay) => stay.crew === crew).map((stay) => (
                  <li key={stay.key} class={`stay ${windLimit !== undefined && wind(stay) >= CLOSE * windLimit ? "is-windy" : ""}`} style={box(stay)}>
                    <a href={address.alerts(stay.visits[0]?.alert_id)} title={title(stay)} aria-label={title(stay)}>
                      <span class="strong" dir="auto">{shortNameOf(stay)}</span>
                      <span dir="auto">{stay.visits.map((visit) => componentName(visit.component)).join(", ")}</span>
                      <span class="stay-time">{showTime(stay.start, zone)}</span>
                    </a>
                  </li>
                ))}
              </ul>
            ))}
          </div>
        </div>
      </div>
    </>
  );
}

/** The short name of a unit of a plant; anything else by its whole name. */
function shortNameOf(stay: Stay): string {
  const asset = assetById.value.get(stay.asset_id);
  return asset && UNIT_KINDS.has(asset.kind) ? shortName(asset) : stay.asset_name;
}

/** Lines between the days, the part that is past, hours with too much wind, and production as an area over the height of all rows. */
function Behind({ calendar, hours, most, windLimit, now, from }: { calendar: Calendar; hours: Hour[]; most: number; windLimit: number | undefined; now: number; from: number }) {
  const count = calendar.days.length || 1;
  const x = (ms: number) => (1000 * placeOf(calendar, ms)).toFixed(2);
  const y = (kw: number) => (100 - 92 * (most > 0 ? kw / most : 0)).toFixed(2);
  const boxes = calendar.days.flatMap((day) => hours.flatMap(({ ms, kw, wind }) => {
    const [start, end] = [Math.max(day.start, ms), Math.min(day.end, ms + HOUR)];
    return end > start ? [{ start, end, kw, storm: windLimit !== undefined && wind !== null && wind > windLimit }] : [];
  }));
  const area = boxes.filter(({ kw }) => kw !== null && kw > 0).map(({ start, end, kw }) => `M${x(start)},100V${y(kw ?? 0)}H${x(end)}V100Z`).join("");
  const past = placeOf(calendar, Math.max(now, from));
  return (
    <svg class="calendar-behind" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
      {area && <path class="calendar-production" d={area} />}
      {boxes.filter(({ storm }) => storm).map(({ start, end }) => <rect key={start} class="calendar-storm" x={x(start)} width={Number(x(end)) - Number(x(start))} height="100" />)}
      {past > 0 && past < 1 && <rect class="calendar-past" width={1000 * past} height="100" />}
      {Array.from({ length: count - 1 }, (_, i) => <line key={i} class="calendar-seam" x1={(1000 * (i + 1)) / count} x2={(1000 * (i + 1)) / count} y1="0" y2="100" />)}
    </svg>
  );
}
