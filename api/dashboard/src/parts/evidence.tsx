// Why we think so: the signals the detector named, and the first of them drawn. Observed against expected where the asset is watched, else what was read.
import { useMemo } from "preact/hooks";
import { drawSeries, drawSignal } from "../charts/machine";
import { Plot, seconds } from "../charts/plot";
import type { Alert, AssetHealth } from "../core/contract";
import { assetById } from "../core/fleet";
import { get } from "../core/http";
import { readingsOf } from "../core/readings";
import { useResource } from "../core/resource";
import { quantityName, t } from "../core/words";

const DAY = 86_400_000;

export function Evidence({ alert, zone }: { alert: Alert; zone: string }) {
  const health = useResource<AssetHealth | null>(alert.asset_id, (abort) => get<AssetHealth>(`/assets/${encodeURIComponent(alert.asset_id)}/health`, {}, abort).catch((problem: unknown) => {
    if (abort.aborted) throw problem;
    return null;
  }));
  const watched = health.value.value;
  const signals = watched?.signals ?? [];
  const named = alert.top_contributors.map((name) => signals.find((signal) => signal.quantity === name)).find((signal) => signal);
  const shown = named ?? signals.find((signal) => signal.component === alert.component);
  const read = Object.keys(assetById.value.get(alert.asset_id)?.latest?.values ?? {});
  const plain = alert.top_contributors.find((name) => read.includes(name));
  const since = Date.parse(alert.started_at);
  return (
    <section class="evidence">
      <h3>{t("whyTitle")}</h3>
      {alert.top_contributors.length ? <ol class="contributors">{alert.top_contributors.map((name) => <li key={name}>{quantityName(name)}</li>)}</ol> : <p class="muted">{t("noContributors")}</p>}
      {shown && (
        <>
          <p class="chart-key"><span class="strong">{quantityName(shown.quantity)}</span><span><i class="key key-actual" />{t("observed")}</span><span><i class="key key-median" />{t("expected")}</span></p>
          <Plot label={`${quantityName(shown.quantity)}: ${t("observed")}, ${t("expected")}`} height={190} inputs={[shown, zone, since]} make={(colours) => drawSignal(shown, zone, since, colours, true)} />
        </>
      )}
      {watched !== undefined && !shown && plain && <Plain asset={alert.asset_id} quantity={plain} since={since} zone={zone} />}
    </section>
  );
}

/** The reading itself, from a day before it began to now, a week at most. */
function Plain({ asset, quantity, since, zone }: { asset: string; quantity: string; since: number; zone: string }) {
  const last = Date.parse(assetById.value.get(asset)?.latest?.time ?? "");
  const start = Math.max(since - DAY, last - 14 * DAY);
  const page = useResource(Number.isFinite(last) ? `${asset}|${quantity}|${since}` : null, (abort) => readingsOf(asset, quantity, start, last + 1000, last - start > 2 * DAY ? "PT1H" : undefined, abort));
  const shown = page.value.value;
  const series = useMemo(() => ({
    xs: (shown?.rows ?? []).map((row) => seconds(row.time)),
    values: (shown?.rows ?? []).map((row) => { const value = row[quantity]; return typeof value === "number" ? value : null; }),
  }), [shown]);
  if (!series.values.some((value) => value !== null)) return null;
  return (
    <>
      <p class="chart-key"><span class="strong">{quantityName(quantity)}</span><span><i class="key key-median" />{t("measured")}</span></p>
      <Plot label={`${quantityName(quantity)}: ${t("measured")}`} height={190} inputs={[series, zone]} make={(colours) => drawSeries(series.xs, series.values, shown?.units[quantity] ?? "", zone, colours, since)} />
    </>
  );
}
