// One plant or region on the wall: power now against its forecast on a bar of its capacity, units as tiles, alerts by severity, age of the data.
import type { Asset, Severity } from "../core/contract";
import { ageOf, childrenOf, isProducer, isStale, mainQuantity, mainUnit, mainValue, UNIT_KINDS } from "../core/fleet";
import { activeByAsset } from "../core/inbox";
import { serverNow } from "../core/live";
import { address } from "../core/route";
import { showAge } from "../core/time";
import { digitsFor, kindName, readable, severityName, showNumber, showPercent, t } from "../core/words";
import { Sparkline } from "../charts/sparkline";
import { familyOf, KindIcon, SeverityMark } from "./icons";
import { expectedAt, nextDay, outlooks } from "./outlook";
import { Figure } from "./states";
import { stateOf, Tiles } from "./tiles";

export function AssetCard({ asset, places }: { asset: Asset; places: Asset[] }) {
  const now = serverNow.value;
  const units = (childrenOf.value.get(asset.id) ?? []).filter((child) => UNIT_KINDS.has(child.kind));
  const value = mainValue(asset) ?? sumOf(units);
  const stale = isStale(asset) && (units.length === 0 || units.every(isStale));
  const outlook = outlooks.value.get(asset.id);
  const latest = asset.latest ? Date.parse(asset.latest.time) : now;
  const expected = expectedAt(outlook, latest);
  const colour = familyOf(asset.kind) === "grid" || familyOf(asset.kind) === "meter" ? "load" : familyOf(asset.kind);
  const stored = mainUnit(asset);
  const { unit, factor } = readable(stored, Math.max(Math.abs(value ?? 0), stored === "kW" ? asset.capacity_kw ?? 0 : 0));
  const shown = (x: number) => showNumber(x * factor, digitsFor(Math.abs((value ?? x) * factor)));
  const age = ageOf(asset);
  const full = asset.capacity_kw ?? Math.max(value ?? 0, expected?.high ?? 0, ...(outlook?.past.map((point) => point.value) ?? [])) * 1.08;
  // An instant is compared with an hour's forecast, so a small excursion is no news: only what is also 5 % of the scale away is shown.
  const far = expected && value !== null && Math.abs(value - expected.value) > 0.05 * full;
  const verdict = !expected || value === null ? undefined : far && value < expected.low ? "below" : far && value > expected.high ? "above" : "within";
  return (
    <article class={`card ${colour} ${stale ? "is-stale" : ""}`} data-asset={asset.id}>
      <header class="card-head">
        <span class="card-icon" title={kindName(asset.kind)}><KindIcon kind={asset.kind} /></span>
        <h3><a href={address.asset(asset.id)}>{asset.name}</a></h3>
        <AlertCounts assets={[asset, ...units]} />
        <Locator asset={asset} places={places} />
      </header>
      <div class="card-now">
        <Figure class="card-value" value={value === null ? showNumber(null) : shown(value)} unit={unit} />
        <div class="card-facts">
          {asset.capacity_kw && isProducer(asset) && value !== null && <span title={t("capacityFactor")}>{showPercent(value / asset.capacity_kw)} <span class="muted">{t("ofCapacity", { capacity: `\u2066${showNumber(asset.capacity_kw / 1000, 0)} MW\u2069` })}</span></span>}
          {expected && <span class={`verdict-${verdict}`}>{t("expectedNow", { value: "" })}<Figure value={shown(expected.value)} unit={unit} /></span>}
        </div>
        <a class="card-spark" href={asset.forecast_quantities?.length ? address.forecast(asset.id, mainQuantity(asset)) : address.asset(asset.id)} aria-label={`${t("forecast")} ${asset.name}`} tabIndex={-1}>
          <Sparkline past={outlook?.past ?? []} future={outlook ? nextDay(outlook, Math.max(now - 3_600_000, outlook.past[outlook.past.length - 1]?.ms ?? 0)) : []} now={now} colour={colour} width={130} height={34} label={t("last24")} zero={isProducer(asset)} />
        </a>
      </div>
      {value !== null && (asset.capacity_kw || expected) && <Bullet value={value} expected={expected} full={full} verdict={verdict} />}
      {units.length > 0 && <Tiles units={units} label={t("units")} />}
      <footer class="card-foot">
        <span class={stale ? "stale-mark" : ""}>{age === null ? t("noReading") : t("dataAge", { age: showAge(now - age, now) })}</span>
        {units.length > 0 && <span>{t("unitsRunning", { running: units.filter((u) => stateOf(u) === "running").length, all: units.length })}</span>}
        {asset.kind === "transformer" && asset.latest?.values["top_oil_temp"] != null && <Figure value={showNumber(asset.latest.values["top_oil_temp"], 0)} unit="°C" />}
      </footer>
    </article>
  );
}

const sumOf = (units: Asset[]) => {
  const values = units.map(mainValue).filter((value): value is number => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
};

/** Actual as a bar, the expected median as a tick in its band, on the scale of the capacity. */
function Bullet({ value, expected, full, verdict }: { value: number; expected: { value: number; low: number; high: number } | undefined; full: number; verdict: string | undefined }) {
  const x = (v: number) => Math.max(0, Math.min(100, (v / (full || 1)) * 100));
  const word = verdict === "below" ? t("belowBand") : verdict === "above" ? t("aboveBand") : verdict === "within" ? t("withinBand") : t("capacityFactor");
  return (
    <svg class="bullet" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={word}>
      <title>{word}</title>
      <rect class="bullet-track" width="100" height="10" />
      {expected && <rect class="bullet-band" x={x(expected.low)} width={Math.max(0.6, x(expected.high) - x(expected.low))} height="10" />}
      <rect class={`bullet-value bullet-${verdict ?? "within"}`} y="3" width={x(value)} height="4" />
      {expected && <rect class="bullet-tick" x={x(expected.value) - 0.35} width="0.7" height="10" />}
    </svg>
  );
}

export function AlertCounts({ assets }: { assets: Asset[] }) {
  const counts: Record<Severity, number> = { critical: 0, warning: 0, info: 0 };
  for (const asset of assets) for (const alert of activeByAsset.value.get(asset.id) ?? []) counts[alert.severity] += 1;
  const present = (["critical", "warning", "info"] as const).filter((severity) => counts[severity]);
  if (!present.length) return null;
  return (
    <a class="counts" href={address.alerts()} aria-label={`${t("openAlerts")}: ${present.map((severity) => `${severityName(severity)} ${counts[severity]}`).join(", ")}`}>
      {present.map((severity) => <span key={severity}><SeverityMark severity={severity} />{counts[severity]}</span>)}
    </a>
  );
}

/** Where this asset stands among the others: no map, only the right relative places. */
function Locator({ asset, places }: { asset: Asset; places: Asset[] }) {
  if (asset.latitude === null || asset.longitude === null || places.length < 2) return null;
  const lats = places.map((place) => place.latitude ?? 0);
  const lons = places.map((place) => place.longitude ?? 0);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const span = Math.max(north - south, east - west, 0.01);
  const x = (lon: number) => 14 + ((lon - (west + east) / 2) / span) * 22;
  const y = (lat: number) => 14 - ((lat - (south + north) / 2) / span) * 22;
  return (
    <svg class="locator" viewBox="0 0 28 28" aria-hidden="true">
      {places.map((place) => <circle key={place.id} cx={x(place.longitude ?? 0)} cy={y(place.latitude ?? 0)} r="1.3" />)}
      <circle class="here" cx={x(asset.longitude)} cy={y(asset.latitude)} r="2.8" />
    </svg>
  );
}
