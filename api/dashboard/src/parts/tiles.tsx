// A plant's units as a dense grid of tiles. Grey means normal (deeper: more power); colour and shape only where something is wrong.
import type { Asset } from "../core/contract";
import { isStale, mainValue } from "../core/fleet";
import { activeByAsset } from "../core/inbox";
import { address } from "../core/route";
import { digitsFor, readable, severityName, showNumber, showPercent, t } from "../core/words";
import { SeverityMark } from "./icons";

export type TileState = "stale" | "down" | "idle" | "running";

export function stateOf(asset: Asset): TileState {
  const value = mainValue(asset);
  if (isStale(asset) || (value === null && asset.kind !== "pv_tracker")) return "stale";
  const status = asset.latest?.values["turbine_status"];
  if (status === 3 || status === 4) return "down";
  return value !== null && value > (asset.capacity_kw ?? 1000) * 0.005 ? "running" : "idle";
}

const shareOf = (asset: Asset) => {
  const value = mainValue(asset);
  return value === null || !asset.capacity_kw ? null : Math.max(0, Math.min(1, value / asset.capacity_kw));
};

export function shortName(asset: Asset): string {
  return asset.id.split(/[/:]/).pop() ?? asset.id;
}

export function Tile({ asset }: { asset: Asset }) {
  const worst = activeByAsset.value.get(asset.id)?.[0];
  const state = stateOf(asset);
  const share = shareOf(asset);
  const value = mainValue(asset);
  const { unit, factor } = readable("kW", value ?? 0);
  const word = { stale: t("tileStale"), down: t("tileDown"), idle: t("tileIdle"), running: share === null ? "" : showPercent(share) }[state];
  const label = [asset.name, value === null ? "" : `${showNumber(value * factor, digitsFor(Math.abs(value * factor)))} ${unit}`, word, worst ? severityName(worst.severity) : ""].filter(Boolean).join(" · ");
  const level = state === "running" ? `level-${Math.min(5, 1 + Math.floor((share ?? 0.5) * 5))}` : `tile-${state}`;
  return (
    <a class={`tile ${level} ${worst ? `alert-${worst.severity}` : ""}`} href={address.asset(asset.id)} title={label} aria-label={label}>
      <span class="tile-name">{shortName(asset)}</span>
      {worst && <SeverityMark severity={worst.severity} />}
    </a>
  );
}

export const Tiles = ({ units, label }: { units: Asset[]; label: string }) => (
  <div class="tiles" role="group" aria-label={label}>{units.map((unit) => <Tile key={unit.id} asset={unit} />)}</div>
);

export const Legend = () => (
  <div class="legend" role="group" aria-label={t("legend")}>
    <span><i class="swatch tile-idle" />{t("tileIdle")}</span>
    <span class="ramp"><i class="swatch level-1" /><i class="swatch level-2" /><i class="swatch level-3" /><i class="swatch level-4" /><i class="swatch level-5" />{t("tileFull")}</span>
    <span><i class="swatch tile-down" />{t("tileDown")}</span>
    <span><i class="swatch tile-stale" />{t("tileStale")}</span>
    {(["critical", "warning", "info"] as const).map((severity) => <span key={severity}><SeverityMark severity={severity} />{severityName(severity)}</span>)}
  </div>
);
