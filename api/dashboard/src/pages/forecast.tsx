// Forecast page: choose an asset, a quantity and an issue time; the fan against what was measured; why it is so; how good
// the served model usually is, was so far, and was this time.
import { useEffect, useMemo, useState } from "preact/hooks";
import { drawFan, fanOf, scoreOf } from "../charts/fan";
import { Plot } from "../charts/plot";
import type { Asset, Explanation, ForecastPage as Page, ReadingsPage, Verification } from "../core/contract";
import { assets, assetById, fleetError, loadFleet, mainQuantity } from "../core/fleet";
import { download, get, queryText } from "../core/http";
import { onLive, serverNow } from "../core/live";
import { readingsOf } from "../core/readings";
import { useResource } from "../core/resource";
import { address, go, route } from "../core/route";
import { durationMs, showAge, showMoment, showOffset, shownZone, tick } from "../core/time";
import { kindName, quantityName, t } from "../core/words";
import { FanReadout, FanTable } from "../parts/fan-readout";
import { Down, Left, Right } from "../parts/icons";
import { Notes } from "../parts/notes";
import { ReasonBox } from "../parts/reason";
import { Empty, Failed, Loading } from "../parts/states";
import { TrackRecord } from "../parts/track-record";
import { ThisIssue, VerdictBox } from "../parts/verdict";
import { ZoneToggle } from "../parts/zone-toggle";

export function ForecastPage() {
  const { parts, query } = route.value;
  const known = assets.value;
  const choices = useMemo(() => (known ?? []).filter((asset) => asset.forecast_quantities?.length).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)), [known]);
  if (!known) return fleetError.value ? <Failed problem={fleetError.value} retry={() => void loadFleet(true)} /> : <div class="page"><Loading lines={6} /></div>;
  const asset = assetById.value.get(parts[0] ?? "") ?? choices[0];
  if (!asset?.forecast_quantities?.length) return <Empty title={t("noForecast")} help={t("noForecastHelp")} />;
  const offered = asset.forecast_quantities;
  const quantity = offered.find((name) => name === parts[1]) ?? offered.find((name) => name === mainQuantity(asset)) ?? offered[0] ?? "active_power";
  return <Chosen key={`${asset.id}|${quantity}`} asset={asset} quantity={quantity} choices={choices} issue={query.get("issue")} />;
}

const ORDER = ["region", "wind_plant", "pv_plant", "meter", "transformer", "bus", "weather_station", "wind_turbine", "pv_inverter", "pv_tracker"];
const rank = (asset: Asset) => ORDER.indexOf(asset.kind);

function Chosen({ asset, quantity, choices, issue }: { asset: Asset; quantity: string; choices: Asset[]; issue: string | null }) {
  const zone = shownZone(asset.timezone);
  const issues = useResource(`${asset.id}|${quantity}`, (abort) => get<{ issues: string[] }>("/forecasts/issues", { asset_id: asset.id, quantity, limit: 200 }, abort), true);
  const page = useResource(`${issue ?? "latest"}`, (abort) => get<Page>("/forecasts", { asset_id: asset.id, quantity, issue_time: issue ?? undefined }, abort), true);
  const shown = page.value.value;
  const window = shown && windowOf(shown);
  const readings = useResource(window ? `${window.start}|${window.end}` : null, (abort) => actuals(asset, quantity, shown, window, abort), true);
  const told = useResource(shown?.issue_time ?? null, (abort) => get<Explanation>("/forecasts/explanation", { asset_id: asset.id, quantity, issue_time: shown?.issue_time }, abort), true);
  const record = useResource(`${asset.id}|${quantity}`, (abort) => get<Verification>("/forecasts/verification", { asset_id: asset.id, quantity }, abort), true);
  const now = serverNow.value;
  // By our own clock: the server's may run a thousand times faster in a demo.
  const halfMinute = Math.floor(tick.value / 30_000);

  useEffect(() => onLive("forecast", (data) => {
    const told = data as { asset_id?: string; quantity?: string };
    if (told.asset_id !== asset.id || told.quantity !== quantity) return;
    issues.reload();
    record.reload();
    if (!issue) page.reload();
  }), [asset.id, quantity, issue]);
  useEffect(() => { if (window && window.end > serverNow.value - 3 * 86_400_000) readings.reload(); }, [halfMinute]);

  const [cursor, setCursor] = useState<number | null>(null);
  const fan = useMemo(() => (shown ? fanOf(shown, readings.value.value) : undefined), [shown, readings.value.value]);
  const list = issues.value.value?.issues ?? [];
  const current = shown?.issue_time ?? issue;
  const place = list.findIndex((time) => current !== null && Date.parse(time) === Date.parse(current));
  const choose = (time: string | null) => go(address.forecast(asset.id, quantity, time ?? undefined), true);
  const moment = (time: string) => showMoment(Date.parse(time), zone);
  const error = page.error.value;
  return (
    <div class="page forecast">
      <h1 class="visually-hidden">{t("forecast")}</h1>
      <div class="toolbar">
        <label>{t("chooseAsset")}
          <select value={asset.id} onChange={(event) => go(address.forecast(event.currentTarget.value))}>
            {[...new Set(choices.map((choice) => choice.kind))].map((kind) => (
              <optgroup key={kind} label={kindName(kind)}>{choices.filter((choice) => choice.kind === kind).map((choice) => <option key={choice.id} value={choice.id}>{choice.name}</option>)}</optgroup>
            ))}
          </select>
        </label>
        <label>{t("quantity")}
          <select value={quantity} onChange={(event) => go(address.forecast(asset.id, event.currentTarget.value))}>
            {asset.forecast_quantities?.map((name) => <option key={name} value={name}>{quantityName(name)}</option>)}
          </select>
        </label>
        <div class="field" role="group" aria-label={t("issueTime")}>
          <label for="issue">{t("issueTime")}</label>
          <span class="joined">
            <button type="button" class="button icon-button" aria-label={t("previousIssue")} title={t("previousIssue")} data-testid="previous-issue" disabled={place < 0 || place + 1 >= list.length} onClick={() => choose(list[place + 1] ?? null)}><Left /></button>
            <select id="issue" data-testid="issue-select" value={place >= 0 ? list[place] : ""} onChange={(event) => choose(event.currentTarget.value)}>
              {place < 0 && current && <option value="">{moment(current)}</option>}
              {list.map((time) => <option key={time} value={time}>{moment(time)}</option>)}
            </select>
            <button type="button" class="button icon-button" aria-label={t("nextIssue")} title={t("nextIssue")} data-testid="next-issue" disabled={place <= 0} onClick={() => choose(list[place - 1] ?? null)}><Right /></button>
            <button type="button" class={`button ${issue ? "" : "is-on"}`} aria-pressed={!issue} onClick={() => choose(null)}>{t("latest")}</button>
          </span>
        </div>
        <div class="toolbar-end">
          <ZoneToggle />
          <button type="button" class="button" disabled={!shown} onClick={() => shown && void download(`/forecasts${queryText({ asset_id: asset.id, quantity, issue_time: shown.issue_time })}`, "text/csv", `${asset.id.replaceAll("/", "_")}_${quantity}_${shown.issue_time.replaceAll(":", "")}.csv`)}><Down />{t("downloadCsv")}</button>
        </div>
      </div>
      {error && !shown && (error.status === 404 ? <Empty title={t("noForecast")} help={error.detail} /> : <Failed problem={error} retry={page.reload} />)}
      {!shown && !error && <Loading lines={6} />}
      {shown && fan && (
        <div class={`forecast-body ${page.loading.value ? "is-loading" : ""}`} data-testid="forecast-body" data-issue={shown.issue_time}>
          <div class="forecast-main">
            <section class="panel chart-panel">
              <header class="panel-head">
                <h2><a href={address.asset(asset.id)}>{asset.name}</a> · {quantityName(quantity)}</h2>
                <p class="muted">{t("issuedHere")} {moment(shown.issue_time)} <bdi dir="ltr">{showOffset(Date.parse(shown.issue_time), zone)}</bdi> · {showAge(Date.parse(shown.issue_time), now)}</p>
              </header>
              <Notes notes={shown.notes} zone={zone} />
              <FanReadout fan={fan} cursor={cursor} zone={zone} now={now} />
              <Plot label={t("chartForecast")} height={innerWidth < 860 ? 300 : Math.max(300, Math.min(640, innerHeight - 330))} inputs={[fan, zone]} make={(colours) => drawFan(fan, zone, now, colours)} onCursor={setCursor} />
              {readings.value.value && !fan.rows.some((row) => row.actual !== null) && <p class="muted note">{t("noActuals")}</p>}
              <FanTable fan={fan} zone={zone} />
            </section>
            <ReasonBox told={told} issue={shown.issue_time} zone={zone} />
            <TrackRecord record={record} zone={zone} />
          </div>
          <aside class="forecast-side">
            <VerdictBox page={shown} zone={zone} />
            <ThisIssue score={scoreOf(fan)} fan={fan} />
          </aside>
        </div>
      )}
    </div>
  );
}

interface Window { start: number; end: number; step: string | undefined }

/** Measurements from as long before the issue as the forecast reaches, two days at most, to its end; averaged to its resolution. */
function windowOf(page: Page): Window | undefined {
  const last = page.rows[page.rows.length - 1];
  if (!last) return undefined;
  const issue = Date.parse(page.issue_time);
  const step = durationMs(page.resolution) ?? 3_600_000;
  const before = Math.min(2 * 86_400_000, Math.max(86_400_000, Date.parse(last.valid_time) - issue));
  return { start: Math.floor((issue - before) / step) * step, end: Date.parse(last.valid_time) + step, step: durationMs(page.resolution) ? page.resolution : undefined };
}

async function actuals(asset: Asset, quantity: string, page: Page | undefined, window: Window | undefined, abort: AbortSignal): Promise<ReadingsPage | undefined> {
  if (!page || !window) return undefined;
  try {
    return await readingsOf(asset.id, quantity, window.start, window.end, window.step, abort);
  } catch (problem) {
    // A forecast of something nobody measures (net load of a nation) is still worth seeing.
    if (abort.aborted) throw problem;
    return undefined;
  }
}
