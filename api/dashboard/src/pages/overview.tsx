// Fleet overview: the control-room wall. Totals on top, plants and demand as cards (north first), loose units and the legend below.
import { useEffect } from "preact/hooks";
import { assets, families, fleetError, isProducer, loadFleet, looseUnits, wallAssets } from "../core/fleet";
import type { Asset } from "../core/contract";
import { activeAlerts, isFolded, isShelved, SEVERITY_RANK } from "../core/inbox";
import { address } from "../core/route";
import { t } from "../core/words";
import { AssetCard } from "../parts/asset-card";
import { Nation } from "../parts/nation";
import { loadOutlooks } from "../parts/outlook";
import { Empty, Failed, Loading } from "../parts/states";
import { Legend, Tiles } from "../parts/tiles";
import { AlertRow } from "../parts/alert-row";

export function Overview() {
  const known = assets.value;
  useEffect(() => {
    const wall = wallAssets.value;
    const summed = Object.values(families.value).flatMap((family) => family.members);
    void loadOutlooks([...new Set([...summed.filter((asset) => wall.includes(asset)), ...wall, ...(summed.length <= 12 ? summed : [])])]);
  }, [known]);
  if (!known) return fleetError.value ? <Failed problem={fleetError.value} retry={() => void loadFleet(true)} /> : <div class="page"><Loading lines={6} /></div>;
  if (!known.length) return <Empty title={t("noAssets")} help={t("noAssetsHelp")} />;
  const wall = wallAssets.value;
  const plants = wall.filter(isProducer);
  const others = wall.filter((asset) => !isProducer(asset));
  const places = wall.filter((asset) => asset.latitude !== null && asset.longitude !== null);
  return (
    <div class="page overview">
      <h1 class="visually-hidden">{t("fleet")}</h1>
      <Nation />
      {plants.length > 0 && <Cards title={t("plants")} list={plants} places={places} kind="plants" />}
      {others.length > 0 && <Cards title={t("regionsAndGrid")} list={others} places={places} kind="demand" />}
      {[...looseUnits.value].map(([name, units]) => (
        <section key={name} class="loose"><h2>{name || t("otherUnits")}</h2><Tiles units={units} label={name || t("otherUnits")} /></section>
      ))}
      <Urgent />
      <Legend />
    </div>
  );
}

/** The alerts one would walk over for: the most urgent that nobody has shelved. */
function Urgent() {
  const urgent = activeAlerts.value.filter((alert) => !isShelved(alert) && !isFolded(alert))
    .sort((a, b) => SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity] || (b.priority ?? 0) - (a.priority ?? 0) || b.opened_at.localeCompare(a.opened_at));
  if (!urgent.length) return null;
  return (
    <section class="urgent" aria-label={t("openAlerts")}>
      <h2>{t("openAlerts")} <a class="muted" href={address.alerts()}>{t("allAlerts")}</a></h2>
      <ul class="alert-list">{urgent.slice(0, 6).map((alert) => <AlertRow key={alert.id} alert={alert} />)}</ul>
    </section>
  );
}

const Cards = ({ title, list, places, kind }: { title: string; list: Asset[]; places: Asset[]; kind: string }) => (
  <section class={`cards cards-${kind}`} aria-label={title}>
    <h2>{title} <span class="muted">{t("northFirst")}</span></h2>
    <div class="card-grid">{list.map((asset) => <AssetCard key={asset.id} asset={asset} places={places} />)}</div>
  </section>
);
