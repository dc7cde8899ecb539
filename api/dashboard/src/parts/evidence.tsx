// Why we think so: the share of each signal in the verdict, and each signal against its expectation with its neighbours behind it.
// Where nothing was fitted, the reading itself.
import { useMemo, useState } from "preact/hooks";
import { drawEvidence, scaleOf, spansOf } from "../charts/evidence";
import { drawScore, drawSeries } from "../charts/machine";
import { Plot, seconds } from "../charts/plot";
import type { Alert, AlertEvidence, EvidenceSignal } from "../core/contract";
import { assetById } from "../core/fleet";
import { readingsOf } from "../core/readings";
import { useResource, type Resource } from "../core/resource";
import { showDay, showFull, showMoment } from "../core/time";
import { apart, quantityName, showNumber, showSigned, signalDigits, signalName, t } from "../core/words";
import { Contributions } from "./contributions";
import { Failed, Figure, Loading } from "./states";
import { shortName } from "./tiles";

const DAY = 86_400_000;
/** More neighbours than this are counted, not named. */
const FEW = 5;
/** Windows one may look at, in hours. */
export const WINDOWS = [72, 168, 336, 720] as const;
/** The shortest window that also shows some of the time before it began. */
export function windowFor(alert: Alert, now: number): number {
  const end = alert.closed_at && !alert.incident_open ? Math.min(now, Date.parse(alert.closed_at) + DAY) : now;
  return WINDOWS.find((hours) => hours * 3_600_000 >= 1.25 * (end - Date.parse(alert.started_at))) ?? WINDOWS[3];
}

interface Props { alert: Alert; told: Resource<AlertEvidence>; zone: string; hours: number; choose: (hours: number) => void }

export function Evidence({ alert, told, zone, hours, choose }: Props) {
  const value = told.value.value;
  const error = told.error.value;
  const absent = error?.status === 404 || value?.signals.length === 0;
  const parts = value?.evidence.length ? value.evidence : alert.evidence ?? [];
  return (
    <section class="evidence" data-testid="evidence" aria-busy={told.loading.value}>
      <header class="section-head">
        <h3>{t("whyTitle")}</h3>
        {value && value.signals.length > 0 && (
          <span class="joined" role="group" aria-label={t("range")}>
            {WINDOWS.map((n) => <button key={n} type="button" class={`button ${hours === n ? "is-on" : ""}`} aria-pressed={hours === n} onClick={() => choose(n)}>{t("days", { n: n / 24 })}</button>)}
          </span>
        )}
      </header>
      {parts.length > 0 ? <Contributions parts={parts} />
        : alert.top_contributors.length ? <ol class="contributors">{alert.top_contributors.map((name) => <li key={name}>{quantityName(name)}</li>)}</ol>
          : <p class="muted">{t("noContributors")}</p>}
      {!value && !error && <Loading lines={6} />}
      {error && !absent && <Failed problem={error} retry={told.reload} />}
      {value && !absent && <Signals told={value} alert={alert} zone={zone} />}
      {absent && <Plain alert={alert} zone={zone} />}
    </section>
  );
}

function Signals({ told, alert, zone }: { told: AlertEvidence; alert: Alert; zone: string }) {
  const place = new Map(told.evidence.map((part, i) => [part.signal, i]));
  const loudest = (signal: EvidenceSignal) => place.get(signal.signal) ?? told.evidence.length;
  const signals = useMemo(() => [...told.signals].sort((a, b) => loudest(a) - loudest(b)), [told]);
  const names = [...new Set(signals.flatMap((signal) => signal.neighbours.map((neighbour) => neighbour.asset_id)))].map((id) => {
    const asset = assetById.value.get(id);
    return asset ? shortName(asset) : id;
  });
  return (
    <>
      <p class="chart-key">
        <span><i class="key key-actual" />{t("observed")}</span><span><i class="key key-median" />{t("expected")}</span>
        {names.length > 0 && <span><i class="key key-neighbour" />{t("neighbours")} <bdi dir="ltr">{names.slice(0, FEW).join(", ")}{names.length > FEW && ` +${names.length - FEW}`}</bdi></span>}
        <span><i class="key key-span" />{t("incidentSpan")}</span>
      </p>
      {signals.map((signal, i) => <Signal key={signal.signal} signal={signal} told={told} alert={alert} zone={zone} first={i === 0} />)}
    </>
  );
}

interface SignalProps { signal: EvidenceSignal; told: AlertEvidence; alert: Alert; zone: string; first: boolean }

function Signal({ signal, told, alert, zone, first }: SignalProps) {
  // Each chart's own: the cursors move together, but signals need not have the same rows.
  const [cursor, setCursor] = useState<number | null>(null);
  const { unit, factor } = scaleOf(signal);
  const since = Date.parse(alert.started_at);
  const window = useMemo(() => ({ from: Date.parse(told.from), to: Date.parse(told.to), since, spans: spansOf(told.incidents, told.to), named: first }), [told, since, first]);
  const at = cursor !== null && cursor < signal.times.length ? cursor : signal.observed.findLastIndex((value) => value !== null);
  const largest = Math.max(...signal.observed.map((value) => Math.abs(value ?? 0))) * factor;
  const digits = signalDigits(largest, unit);
  const shown = (value: number | null | undefined) => showNumber(value == null ? null : value * factor, digits);
  const [observed, expected] = [signal.observed[at] ?? null, signal.expected[at] ?? null];
  const others = signal.neighbours.flatMap(({ values }) => { const value = values[at]; return value === null || value === undefined ? [] : [value]; });
  const away = observed === null || expected === null ? null : (observed - expected) * factor;
  const name = signalName(signal.signal, signal.quantity);
  const sync = `evidence-${alert.id}`;
  const told3 = [`${t("observed")} ${shown(observed)} ${unit}`, `${t("expected")} ${shown(expected)} ${unit}`].join(", ");
  return (
    <section class="evidence-signal" data-signal={signal.signal} aria-label={name}>
      <header class="signal-head">
        <h4>{name}</h4>
        <dl class="readout readout-small">
          <div><dt>{t("validTime")}</dt><dd>{at >= 0 ? showMoment(Date.parse(signal.times[at] ?? ""), zone) : "–"}</dd></div>
          <div><dt><i class="key key-actual" />{t("observed")}</dt><dd data-value="observed"><Figure value={shown(observed)} unit={unit} /></dd></div>
          <div><dt><i class="key key-median" />{t("expected")}</dt><dd data-value="expected"><Figure value={shown(expected)} unit={unit} /></dd></div>
          <div><dt>{t("difference")}</dt><dd class="strong"><Figure value={away === null ? shown(null) : showSigned(away, digits)} unit={unit} /></dd></div>
          {signal.neighbours.length > 0 && <div><dt><i class="key key-neighbour" />{t("neighbours")}</dt><dd><Figure value={others.length ? `${shown(Math.min(...others))} – ${shown(Math.max(...others))}` : shown(null)} unit={unit} /></dd></div>}
        </dl>
      </header>
      <Plot label={`${name}: ${told3}. ${t("chartEvidence")}`} height={first ? 220 : 170} inputs={[signal, zone, window]} make={(colours) => drawEvidence(signal, window, zone, sync, colours)} onCursor={setCursor} />
      {first && signal.score.some((value) => value !== null) && (
        <>
          <p class="chart-key"><span>{t("residualScore")}</span><span><i class="key key-limit" />{t("alarmLine")}</span></p>
          <Plot label={`${t("residualScore")}: ${name}`} height={92} inputs={[signal, zone]} make={(colours) => scoreOf(signal, zone, sync, window, colours)} onCursor={setCursor} />
        </>
      )}
      <Daily signal={signal} zone={zone} shown={shown} unit={unit} digits={digits} factor={factor} />
    </section>
  );
}

/** The score over the same window as the signal above it, read with the same cursor. */
function scoreOf(signal: EvidenceSignal, zone: string, sync: string, window: { from: number; to: number }, colours: Parameters<typeof drawScore>[2]) {
  const drawing = drawScore({ ...signal, component: "", limit: 1 }, zone, colours);
  const scales = { ...drawing.options.scales, x: { time: true, range: [window.from / 1000, window.to / 1000] as [number, number] } };
  return { ...drawing, options: { ...drawing.options, scales, cursor: { ...drawing.options.cursor, sync: { key: sync } }, axes: drawing.options.axes?.map((axis, i) => (i === 1 ? { ...axis, size: 56 } : axis)) ?? [] } };
}

/** Means of each day in words, for those who do not read curves. */
function Daily({ signal, zone, shown, unit, digits, factor }: { signal: EvidenceSignal; zone: string; shown: (value: number | null) => string; unit: string; digits: number; factor: number }) {
  const [open, setOpen] = useState(false);
  const rows = useMemo(() => (open ? daysOf(signal, zone) : []), [open, signal, zone]);
  return (
    <details class="values" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("dailyMeans")} <span class="muted">{apart(unit)}</span></summary>
      <div class="table-scroll">
        <table>
          <thead><tr><th scope="col">{t("validTime")}</th><th scope="col" class="num">{t("observed")}</th><th scope="col" class="num">{t("expected")}</th><th scope="col" class="num">{t("difference")}</th><th scope="col" class="num">{t("neighbours")}</th></tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.day}>
                <th scope="row">{row.day}</th>
                <td class="num">{shown(row.observed)}</td><td class="num">{shown(row.expected)}</td>
                <td class="num strong"><bdi dir="ltr">{row.away === null ? shown(null) : showSigned(row.away * factor, digits)}</bdi></td>
                <td class="num">{shown(row.neighbours)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

interface Day { day: string; observed: number | null; expected: number | null; away: number | null; neighbours: number | null }

function daysOf(signal: EvidenceSignal, zone: string): Day[] {
  const days = new Map<string, number[]>();
  signal.times.forEach((time, i) => { const day = showDay(Date.parse(time), zone); days.set(day, [...(days.get(day) ?? []), i]); });
  const mean = (values: (number | null | undefined)[]) => {
    const known = values.filter((value): value is number => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  return [...days].map(([day, at]) => ({
    day,
    observed: mean(at.map((i) => signal.observed[i])),
    expected: mean(at.map((i) => signal.expected[i])),
    away: mean(at.map((i) => { const [o, e] = [signal.observed[i], signal.expected[i]]; return o == null || e == null ? null : o - e; })),
    neighbours: mean(signal.neighbours.flatMap(({ values }) => at.map((i) => values[i]))),
  }));
}

/** The reading itself, from a day before it began to now, two weeks at most. */
function Plain({ alert, zone }: { alert: Alert; zone: string }) {
  const asset = alert.asset_id;
  const read = Object.keys(assetById.value.get(asset)?.latest?.values ?? {});
  const quantity = alert.top_contributors.find((name) => read.includes(name)) ?? "";
  const since = Date.parse(alert.started_at);
  const last = Date.parse(assetById.value.get(asset)?.latest?.time ?? "");
  const start = Math.max(since - DAY, last - 14 * DAY);
  const page = useResource(quantity && Number.isFinite(last) ? `${asset}|${quantity}|${since}` : null, (abort) => readingsOf(asset, quantity, start, last + 1000, last - start > 2 * DAY ? "PT1H" : undefined, abort));
  const shown = page.value.value;
  const series = useMemo(() => ({
    xs: (shown?.rows ?? []).map((row) => seconds(row.time)),
    values: (shown?.rows ?? []).map((row) => { const value = row[quantity]; return typeof value === "number" ? value : null; }),
  }), [shown]);
  if (!series.values.some((value) => value !== null)) return <p class="muted note">{t("noEvidence", { time: showFull(since, zone) })}</p>;
  return (
    <>
      <p class="muted small">{t("plainHelp")}</p>
      <p class="chart-key"><span class="strong">{quantityName(quantity)}</span><span><i class="key key-median" />{t("measured")}</span></p>
      <Plot label={`${quantityName(quantity)}: ${t("measured")}`} height={190} inputs={[series, zone]} make={(colours) => drawSeries(series.xs, series.values, shown?.units[quantity] ?? "", zone, colours, since)} />
    </>
  );
}
