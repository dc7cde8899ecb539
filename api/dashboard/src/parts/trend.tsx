// Where a worsening signal leads: when it reaches its limit as a band of times, never one number, and the way there as a chart.
import { drawTrend } from "../charts/evidence";
import { Plot } from "../charts/plot";
import type { Alert, AlertEvidence } from "../core/contract";
import { showDay, showMoment } from "../core/time";
import { apart, quantityName, readable, showNumber, signalDigits, t } from "../core/words";
import { Figure } from "./states";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export function Trend({ alert, told, now, zone }: { alert: Alert; told: AlertEvidence | undefined; now: number; zone: string }) {
  const outlook = told ? told.outlook : alert.outlook;
  if (outlook === undefined || !alert.incident_open) return null;
  if (!outlook) {
    return <section class="trend" data-testid="trend"><h3>{t("trend")}</h3><p class="muted">{t("noTrend")}</p></section>;
  }
  const { unit, factor } = readable(outlook.unit, Math.max(outlook.limit, outlook.level));
  const digits = signalDigits(Math.max(outlook.limit, outlook.level) * factor, unit);
  const figure = (value: number) => apart(`${showNumber(value * factor, digits)}\u00a0${unit}`.trim());
  const reached = outlook.level >= outlook.limit && Date.parse(outlook.earliest) <= now;
  // Days from now the minute says nothing.
  const when = (time: string | null) => (time === null ? t("beyond90") : Date.parse(time) - now > 3 * DAY ? showDay(Date.parse(time), zone) : showMoment(Date.parse(time), zone));
  const ahead = (time: string | null) => {
    if (time === null) return "";
    const hours = Math.max(0, (Date.parse(time) - now) / HOUR);
    return hours >= 48 ? t("inDays", { n: showNumber(hours / 24, hours < 10 * 24 ? 1 : 0) }) : t("inHours", { n: showNumber(hours, 0) });
  };
  const cell = (name: string, word: string, help: string, time: string | null) => (
    <div key={name} data-when={name}><dt>{word}</dt><dd>{when(time)}<span class="muted"> {ahead(time)}</span></dd><dd class="muted small">{help}</dd></div>
  );
  // The chart stands on the server's data, so that it does not move with each tick of the clock.
  const at = told ? Date.parse(told.to) : Math.floor(now / DAY) * DAY;
  return (
    <section class="trend" data-testid="trend">
      <h3>{t("trend")}</h3>
      <p>{reached ? t("trendReached", { quantity: quantityName(outlook.quantity), level: figure(outlook.level), limit: figure(outlook.limit) }) : t("trendSays", { quantity: quantityName(outlook.quantity), level: figure(outlook.level), limit: figure(outlook.limit) })}</p>
      {!reached && (
        <>
          <dl class="band">
            {cell("earliest", t("earliest"), t("earliestHelp"), outlook.earliest)}
            {cell("median", t("medianWhen"), t("medianHelp"), outlook.median)}
            {cell("latest", t("latestWhen"), t("latestHelp"), outlook.latest)}
          </dl>
          <Plot label={`${t("chartTrend")} ${t("earliest")} ${when(outlook.earliest)}, ${t("medianWhen")} ${when(outlook.median)}, ${t("latestWhen")} ${when(outlook.latest)}.`} height={190} inputs={[outlook, told, at, zone]} make={(colours) => drawTrend(outlook, told, at, zone, colours)} />
        </>
      )}
    </section>
  );
}

/** Energy or money on two lines: so far, and in the next week at this rate. */
export const Pair = ({ lost, ahead }: { lost: string; ahead: string | null }) => (
  <><Figure class="strong" value={lost} />{ahead !== null && <><br /><span class="muted">{t("next7", { value: apart(ahead) })}</span></>}</>
);
