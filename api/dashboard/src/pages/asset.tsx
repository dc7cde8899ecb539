// Asset page: facts, power curve, signals against their expectation, recent readings, parts and alerts of one machine or plant.
import { useMemo, useState } from "preact/hooks";
import { drawPowerCurve, drawScore, drawSignal } from "../charts/machine";
import { Plot } from "../charts/plot";
import type { Asset, AssetHealth, HealthSignal } from "../core/contract";
import { ageOf, assetById, childrenOf, isStale, mainQuantity, mainUnit, mainValue, UNIT_KINDS } from "../core/fleet";
import { get, Problem } from "../core/http";
import { alerts, isClosed } from "../core/inbox";
import { serverNow } from "../core/live";
import { useResource } from "../core/resource";
import { address, route } from "../core/route";
import { showAge, showFull, shownZone } from "../core/time";
import { componentName, digitsFor, kindName, quantityName, readable, showNumber, showPercent, t } from "../core/words";
import { AlertRow } from "../parts/alert-row";
import { KindIcon } from "../parts/icons";
import { RecentReadings } from "../parts/recent-readings";
import { Empty, Failed, Figure, Loading } from "../parts/states";
import { Tiles } from "../parts/tiles";
import { ZoneToggle } from "../parts/zone-toggle";

export function AssetPage() {
  const id = route.value.parts[0] ?? "";
  const known = assetById.value.get(id);
  const own = useResource(known ? null : `asset|${id}`, (abort) => get<Asset>(`/assets/${encodeURIComponent(id)}`, {}, abort));
  const asset = known ?? own.value.value;
  if (asset) return <Known key={asset.id} asset={asset} />;
  const error = own.error.value;
  if (error) return error.status === 404 ? <Empty title={t("unknownAsset")} help={id} /> : <Failed problem={error} retry={own.reload} />;
  return <div class="page"><Loading lines={6} /></div>;
}

function Known({ asset }: { asset: Asset }) {
  const zone = shownZone(asset.timezone);
  const health = useResource<AssetHealth | null>(`health|${asset.id}`, (abort) => get<AssetHealth>(`/assets/${encodeURIComponent(asset.id)}/health`, {}, abort).catch((problem: unknown) => {
    if (problem instanceof Problem && problem.status === 404) return null;
    throw problem;
  }));
  const watched = health.value.value;
  const parts = childrenOf.value.get(asset.id) ?? [];
  const units = parts.filter((part) => UNIT_KINDS.has(part.kind));
  const others = parts.filter((part) => !UNIT_KINDS.has(part.kind));
  const own = [...alerts.value.values()].filter((alert) => alert.asset_id === asset.id || parts.some((part) => part.id === alert.asset_id)).sort((a, b) => Number(isClosed(a)) - Number(isClosed(b)) || b.opened_at.localeCompare(a.opened_at));
  return (
    <div class="page asset">
      <Head asset={asset} />
      {parts.length > 0 && <section class="panel"><h2>{t("partsOf")}</h2>{units.length > 0 && <Tiles units={units} label={t("partsOf")} />}{others.length > 0 && <p class="parts">{others.map((part) => <a key={part.id} class="button" href={address.asset(part.id)}><KindIcon kind={part.kind} />{part.name}</a>)}</p>}</section>}
      <div class="asset-grid">
        {watched?.power_curve && watched.power_curve.bins.length > 0 && <PowerCurve health={watched} />}
        <RecentReadings asset={asset} zone={zone} />
        <section class="panel asset-alerts">
          <h2>{t("assetAlerts")}</h2>
          {own.length ? <ul class="alert-list">{own.slice(0, 8).map((alert) => <AlertRow key={alert.id} alert={alert} />)}</ul> : <p class="muted">{t("noAssetAlerts")}</p>}
        </section>
      </div>
      <section class="signals">
        <header class="panel-head"><h2>{t("signals")}</h2>{watched && <p class="muted">{t("signalsHelp")} {t("fittedUntil", { time: showFull(Date.parse(watched.fitted_until), zone) })}</p>}</header>
        {health.error.value && <Failed problem={health.error.value} retry={health.reload} />}
        {watched === undefined && !health.error.value && <Loading lines={4} />}
        {watched === null && <Empty title={t("notWatched")} help={t("notWatchedHelp")} />}
        {watched && <div class="signal-grid">{watched.signals.map((signal) => <Signal key={signal.quantity} signal={signal} zone={zone} />)}</div>}
      </section>
    </div>
  );
}

function Head({ asset }: { asset: Asset }) {
  const now = serverNow.value;
  const value = mainValue(asset);
  const scale = readable(mainUnit(asset), Math.max(Math.abs(value ?? 0), mainUnit(asset) === "kW" ? asset.capacity_kw ?? 0 : 0));
  const age = ageOf(asset);
  const parent = asset.parent_id ? assetById.value.get(asset.parent_id) : undefined;
  const fact = (name: string, content: preact.ComponentChildren) => <div key={name}><dt>{name}</dt><dd>{content}</dd></div>;
  return (
    <header class="asset-head">
      <span class="asset-icon"><KindIcon kind={asset.kind} /></span>
      <div class="asset-title"><h1>{asset.name}</h1><p class="muted"><bdi dir="ltr">{asset.id}</bdi></p></div>
      <div class="asset-now">
        <Figure class="card-value" value={value === null ? "–" : showNumber(value * scale.factor, digitsFor(Math.abs(value * scale.factor)))} unit={scale.unit} />
        <p class={isStale(asset) ? "stale-mark" : "muted"}>{age === null ? t("noReading") : t("dataAge", { age: showAge(now - age, now) })}</p>
      </div>
      <dl class="facts facts-wide">
        {fact(t("kind"), kindName(asset.kind))}
        {asset.capacity_kw !== null && fact(t("capacity"), <Figure value={showNumber(asset.capacity_kw / 1000, digitsFor(asset.capacity_kw / 1000))} unit="MW" />)}
        {asset.capacity_kw !== null && value !== null && fact(t("capacityFactor"), showPercent(value / asset.capacity_kw))}
        {asset.parent_id && fact(t("parent"), <a href={address.asset(asset.parent_id)}>{parent?.name ?? asset.parent_id}</a>)}
        {asset.latitude !== null && asset.longitude !== null && fact(t("place"), <bdi dir="ltr">{showNumber(asset.latitude, 3)}°, {showNumber(asset.longitude, 3)}°</bdi>)}
        {fact(t("timezone"), <bdi dir="ltr">{asset.timezone}</bdi>)}
        {Object.entries(asset.attributes).slice(0, 4).map(([name, text]) => fact(name.replaceAll("_", " "), <bdi dir="ltr">{name === "resolution" ? text.replace(/^P/, "").replace(/^T/, "").toLowerCase() : text}</bdi>))}
      </dl>
      <div class="toolbar-end">
        <ZoneToggle />
        {asset.forecast_quantities?.length ? <a class="button" href={address.forecast(asset.id, mainQuantity(asset))}>{t("forecastOf")}</a> : null}
      </div>
    </header>
  );
}

function PowerCurve({ health }: { health: AssetHealth }) {
  const strange = useMemo(() => health.power_curve?.points.filter((point) => point.anomalous).length ?? 0, [health]);
  return (
    <section class="panel" data-testid="power-curve">
      <header class="panel-head"><h2>{t("powerCurve")}</h2><p class="muted">{t("powerCurveHelp")}</p></header>
      <p class="chart-key"><span><i class="key key-median" />{t("expected")}</span><span><i class="key key-dot" />{t("normal")}</span><span><i class="key key-diamond" />{t("anomalous")} <bdi>{showNumber(strange, 0)}</bdi></span></p>
      <Plot label={t("chartPowerCurve")} height={318} inputs={[health]} make={(colours) => drawPowerCurve(health, colours)} />
    </section>
  );
}

function Signal({ signal, zone }: { signal: HealthSignal; zone: string }) {
  const [cursor, setCursor] = useState<number | null>(null);
  const last = signal.times.length - 1;
  const at = cursor ?? signal.observed.findLastIndex((value) => value !== null);
  const { unit } = readable(signal.unit, 0);
  const score = signal.score[at] ?? null;
  return (
    <section class="panel signal" data-signal={signal.quantity}>
      <header class="panel-head"><h3>{quantityName(signal.quantity)}</h3><p class="muted">{componentName(signal.component)}</p></header>
      <dl class="readout readout-small">
        <div><dt><i class="key key-actual" />{t("observed")}</dt><dd><Figure value={showNumber(signal.observed[at])} unit={unit} /></dd></div>
        <div><dt><i class="key key-median" />{t("expected")}</dt><dd><Figure value={showNumber(signal.expected[at])} unit={unit} /></dd></div>
        <div class={score !== null && score > signal.limit ? "over" : ""}><dt>{t("residualScore")}</dt><dd><Figure value={`${showNumber(score, 2)} / ${showNumber(signal.limit, signal.limit % 1 ? 2 : 0)}`} /></dd></div>
        <div><dt>{t("validTime")}</dt><dd>{last >= 0 ? showFull(Date.parse(signal.times[Math.max(0, at)] ?? ""), zone) : "–"}</dd></div>
      </dl>
      <Plot label={`${quantityName(signal.quantity)}: ${t("observed")}, ${t("expected")}`} height={150} inputs={[signal, zone]} make={(colours) => drawSignal(signal, zone, null, colours)} onCursor={setCursor} />
      <Plot label={`${t("residualScore")}: ${quantityName(signal.quantity)}`} height={96} inputs={[signal, zone]} make={(colours) => drawScore(signal, zone, colours)} />
    </section>
  );
}
