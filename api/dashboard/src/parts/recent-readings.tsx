// The last day, week or month of one quantity of one asset, averaged so that the chart stays readable, with its range in words.
import { useMemo, useState } from "preact/hooks";
import { drawSeries } from "../charts/machine";
import { Plot, seconds } from "../charts/plot";
import type { Asset } from "../core/contract";
import { mainQuantity } from "../core/fleet";
import { readingsOf } from "../core/readings";
import { useResource } from "../core/resource";
import { showMoment } from "../core/time";
import { digitsFor, quantityName, readable, showNumber, t, type Word } from "../core/words";
import { Failed, Figure, Loading } from "./states";

const RANGES: { word: Word; hours: number; step: string | undefined }[] = [
  { word: "range24", hours: 24, step: undefined },
  { word: "range7", hours: 168, step: "PT1H" },
  { word: "range30", hours: 720, step: "PT6H" },
];

export function RecentReadings({ asset, zone }: { asset: Asset; zone: string }) {
  const offered = Object.keys(asset.latest?.values ?? {});
  const [quantity, setQuantity] = useState(() => (offered.includes(mainQuantity(asset)) ? mainQuantity(asset) : offered[0] ?? mainQuantity(asset)));
  const [place, setPlace] = useState(0);
  const [cursor, setCursor] = useState<number | null>(null);
  const range = RANGES[place] ?? RANGES[0]!;
  const last = asset.latest ? Date.parse(asset.latest.time) : null;
  const quarter = last === null ? null : Math.floor(last / 900_000);
  const page = useResource(last === null ? null : `${quantity}|${range.hours}|${quarter}`, (abort) => readingsOf(asset.id, quantity, (last ?? 0) - range.hours * 3_600_000, (last ?? 0) + 1000, range.step, abort), true);
  const shown = page.value.value;
  const series = useMemo(() => {
    const rows = shown?.rows ?? [];
    return { xs: rows.map((row) => seconds(row.time)), values: rows.map((row) => { const value = row[quantity]; return typeof value === "number" ? value : null; }) };
  }, [shown]);
  const present = series.values.filter((value): value is number => value !== null);
  const stored = shown?.units[quantity] ?? "";
  const largest = present.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const { unit, factor } = readable(stored, largest);
  const say = (value: number | null | undefined) => showNumber(value === null || value === undefined ? null : value * factor, digitsFor(largest * factor));
  const at = cursor ?? series.values.findLastIndex((value) => value !== null);
  const time = series.xs[at];
  return (
    <section class="panel readings">
      <header class="panel-head"><h2>{t("readings")}</h2>
        <select aria-label={t("quantity")} value={quantity} onChange={(event) => setQuantity(event.currentTarget.value)}>{(offered.length ? offered : [quantity]).map((name) => <option key={name} value={name}>{quantityName(name)}</option>)}</select>
        <span class="joined" role="group" aria-label={t("range")}>{RANGES.map(({ word }, i) => <button key={word} type="button" class={`button ${i === place ? "is-on" : ""}`} aria-pressed={i === place} onClick={() => setPlace(i)}>{t(word)}</button>)}</span>
      </header>
      {page.error.value && !shown && <Failed problem={page.error.value} retry={page.reload} />}
      {page.loading.value && !shown && <Loading lines={4} />}
      {(last === null || (shown && !present.length)) && <p class="muted note">{t("noReadings")}</p>}
      {present.length > 0 && (
        <>
          <dl class="readout readout-small">
            <div><dt>{time === undefined ? t("lastValue") : showMoment(time * 1000, zone)}</dt><dd><Figure class="strong" value={say(series.values[at])} unit={unit} /></dd></div>
            <div><dt>{t("min")}</dt><dd><Figure value={say(Math.min(...present))} unit={unit} /></dd></div>
            <div><dt>{t("mean")}</dt><dd><Figure value={say(present.reduce((sum, value) => sum + value, 0) / present.length)} unit={unit} /></dd></div>
            <div><dt>{t("max")}</dt><dd><Figure value={say(Math.max(...present))} unit={unit} /></dd></div>
          </dl>
          <Plot label={`${t("chartReadings")}: ${quantityName(quantity)}`} height={286} inputs={[series, zone]} make={(colours) => drawSeries(series.xs, series.values, stored, zone, colours)} onCursor={setCursor} />
        </>
      )}
    </section>
  );
}
