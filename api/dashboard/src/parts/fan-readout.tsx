// The numbers of the fan chart in words: the instant under the cursor (or the next one), and the whole forecast as a table.
import type { Fan, Row } from "../charts/fan";
import { showMoment, showOffset } from "../core/time";
import { digitsFor, showNumber, showPercent, t } from "../core/words";
import { Figure } from "./states";

const shownBy = (fan: Fan) => {
  const largest = fan.rows.reduce((most, row) => Math.max(most, Math.abs(row.values?.[fan.medianAt] ?? row.actual ?? 0)), 0) * fan.scale.factor;
  const digits = digitsFor(largest);
  return (value: number | null | undefined) => showNumber(value === null || value === undefined ? null : value * fan.scale.factor, digits);
};
const levelOf = (fan: Fan) => showPercent((fan.quantiles[fan.outer[1]] ?? 0.9) - (fan.quantiles[fan.outer[0]] ?? 0.1));

export function FanReadout({ fan, cursor, zone, now }: { fan: Fan; cursor: number | null; zone: string; now: number }) {
  const upcoming = fan.rows.find((row) => row.values && row.ms >= Math.max(fan.issue, now - 3_600_000)) ?? fan.rows.find((row) => row.values);
  const row: Row | undefined = (cursor === null ? undefined : fan.rows[cursor]) ?? upcoming;
  if (!row) return null;
  const shown = shownBy(fan);
  const median = row.values?.[fan.medianAt];
  const low = row.values?.[fan.outer[0]];
  const high = row.values?.[fan.outer[1]];
  const lead = (row.ms - fan.issue) / 3_600_000;
  return (
    <dl class="readout" data-testid="fan-readout">
      <div class="readout-time"><dt>{t("validTime")}</dt><dd>{showMoment(row.ms, zone)} <bdi dir="ltr" class="muted">{showOffset(row.ms, zone)}</bdi></dd></div>
      <div><dt><i class="key key-median" />{t("median")}</dt><dd data-testid="median-value"><Figure value={shown(median)} unit={fan.scale.unit} /></dd></div>
      <div><dt><i class="key key-band" />{t("band", { level: levelOf(fan) })}</dt><dd><Figure value={low == null || high == null ? shown(null) : `${shown(low)} – ${shown(high)}`} unit={fan.scale.unit} /></dd></div>
      <div><dt><i class="key key-actual" />{t("measured")}</dt><dd><Figure value={shown(row.actual)} unit={fan.scale.unit} /></dd></div>
      <div><dt>{t("error")}</dt><dd><Figure value={row.actual === null || median == null ? shown(null) : shown(median - row.actual)} unit={fan.scale.unit} /></dd></div>
      <div><dt>{t("leadTime")}</dt><dd><Figure value={lead >= 0 ? `+${showNumber(lead, lead % 1 ? 1 : 0)}` : showNumber(null)} unit="h" /></dd></div>
    </dl>
  );
}

export function FanTable({ fan, zone }: { fan: Fan; zone: string }) {
  const shown = shownBy(fan);
  return (
    <details class="values">
      <summary>{t("values")} <span class="muted">{fan.scale.unit}</span></summary>
      <div class="table-scroll">
        <table>
          <thead><tr><th scope="col">{t("validTime")}</th>{fan.quantiles.map((quantile) => <th key={quantile} scope="col" class="num">{showPercent(quantile)}</th>)}<th scope="col" class="num">{t("measured")}</th></tr></thead>
          <tbody>
            {fan.rows.filter((row) => row.values).map((row) => (
              <tr key={row.ms}><th scope="row">{showMoment(row.ms, zone)}</th>{row.values?.map((value, i) => <td key={i} class={`num ${i === fan.medianAt ? "strong" : ""}`}>{shown(value)}</td>)}<td class="num">{shown(row.actual)}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
