// Why the forecast says what it says: one sentence, the bars of what moves it, the numbers under the cursor and as a table.
import { useMemo, useState } from "preact/hooks";
import { drawReason, movedOf, MOVING, type Moved } from "../charts/reason";
import { Plot } from "../charts/plot";
import type { Explanation } from "../core/contract";
import type { Problem } from "../core/http";
import type { Resource } from "../core/resource";
import { showMoment } from "../core/time";
import { apart, digitsFor, groupHead, groupName, showNumber, showSigned, t } from "../core/words";
import { Failed, Figure, Loading } from "./states";

/** Shares of the whole movement below this are not worth a word. */
const WORTH_SAYING = 0.12;
/** A mean this small beside the mean size is movement both ways. */
const BOTH_WAYS = 0.3;
/** Movements of less than this share of the forecast are none. */
const STILL = 0.01;

export function ReasonBox({ told, issue, zone }: { told: Resource<Explanation>; issue: string; zone: string }) {
  const value = told.value.value;
  const error = told.error.value;
  const current = value && Date.parse(value.issue_time) === Date.parse(issue) ? value : undefined;
  return (
    <section class="panel reason" data-testid="reason">
      <header class="panel-head"><h2>{t("reason")}</h2><p class="muted">{t("reasonHelp")}</p></header>
      {current && !error ? <Told told={current} zone={zone} /> : error ? <Absent problem={error} retry={told.reload} /> : <Loading lines={4} />}
    </section>
  );
}

function Absent({ problem, retry }: { problem: Problem; retry: () => void }) {
  if (problem.code === "no_explanation") return <p class="muted note">{t("reasonMissing")}</p>;
  return problem.status === 404 ? <p class="muted note">{t("reasonSoon")}</p> : <Failed problem={problem} retry={retry} />;
}

function Told({ told, zone }: { told: Explanation; zone: string }) {
  const [cursor, setCursor] = useState<number | null>(null);
  const moved = useMemo(() => movedOf(told), [told]);
  const shown = shownBy(moved);
  const row = (cursor === null ? undefined : moved.rows[cursor]) ?? moved.rows[0];
  return (
    <>
      <p class="sentence" data-testid="reason-sentence">{sentence(moved)} <span class="muted small">{t("reasonMean")}</span></p>
      {row && (
        <dl class="readout" data-testid="reason-readout">
          <div class="readout-time"><dt>{t("validTime")}</dt><dd>{showMoment(row.ms, zone)}</dd></div>
          <div><dt>{t("reasonLevel")}</dt><dd><Figure value={shown(row.usual)} unit={moved.scale.unit} /></dd></div>
          {MOVING.map((group, i) => <div key={group}><dt><i class={`key key-${group}`} />{groupHead(group)}</dt><dd><Figure value={shown(row.parts[i] ?? 0, true)} unit={moved.scale.unit} /></dd></div>)}
          <div><dt><i class="key key-actual" />{t("reasonAway")}</dt><dd><Figure value={shown(row.away, true)} unit={moved.scale.unit} /></dd></div>
          <div><dt>{t("reasonSum")}</dt><dd><Figure value={shown(row.value)} unit={moved.scale.unit} /></dd></div>
        </dl>
      )}
      <Plot label={t("chartReason")} height={220} inputs={[moved, zone]} make={(colours) => drawReason(moved, zone, colours)} onCursor={setCursor} />
      <p class="muted small">{t("reasonCorrection")}</p>
      <ReasonTable moved={moved} zone={zone} />
    </>
  );
}

/** Digits for the smallest numbers worth reading, the same in the whole panel. */
function shownBy(moved: Moved): (value: number, signed?: boolean) => string {
  const largest = moved.rows.reduce((most, row) => Math.max(most, ...row.parts.map(Math.abs)), 0) * moved.scale.factor;
  const digits = digitsFor(largest);
  return (value, signed = false) => (signed ? showSigned : showNumber)(value * moved.scale.factor, digits);
}

function sentence(moved: Moved): string {
  const { rows, scale } = moved;
  const mean = (of: (row: Moved["rows"][number]) => number) => rows.reduce((sum, row) => sum + of(row), 0) / Math.max(1, rows.length);
  const groups = MOVING.map((group, i) => ({ group, mean: mean((row) => row.parts[i] ?? 0), size: mean((row) => Math.abs(row.parts[i] ?? 0)) })).sort((a, b) => b.size - a.size);
  const all = groups.reduce((sum, group) => sum + group.size, 0);
  const level = mean((row) => Math.abs(row.value));
  const digits = digitsFor((groups[0]?.size ?? 0) * scale.factor);
  const figure = (text: string) => `(${apart(`${text}\u00a0${scale.unit}`)})`;
  if (all <= STILL * level) return t("reasonUsual", { value: apart(`${showNumber(Math.max(all, STILL * level) * scale.factor, digitsFor(level * STILL * scale.factor))} ${scale.unit}`) });
  const said = groups.filter((group, i) => i === 0 || group.size > WORTH_SAYING * all).map((group, i) => {
    const both = Math.abs(group.mean) < BOTH_WAYS * group.size;
    const value = figure(both ? `±${showNumber(group.size * scale.factor, digits)}` : showSigned(group.mean * scale.factor, digits));
    const word = i === 0 ? "reasonMost" : both ? "reasonBoth" : group.mean > 0 ? "reasonRaises" : "reasonLowers";
    return t(word, { group: groupName(group.group), value });
  });
  const text = said.join(document.documentElement.dir === "rtl" ? "، " : ", ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function ReasonTable({ moved, zone }: { moved: Moved; zone: string }) {
  const shown = shownBy(moved);
  return (
    <details class="values" data-testid="reason-values">
      <summary>{t("values")} <span class="muted">{moved.scale.unit}</span></summary>
      <div class="table-scroll">
        <table>
          <thead><tr><th scope="col">{t("validTime")}</th><th scope="col" class="num">{t("reasonLevel")}</th>{MOVING.map((group) => <th key={group} scope="col" class="num">{groupHead(group)}</th>)}<th scope="col" class="num">{t("reasonSum")}</th></tr></thead>
          <tbody>
            {moved.rows.map((row) => (
              <tr key={row.ms} data-time={row.ms}>
                <th scope="row">{showMoment(row.ms, zone)}</th><td class="num"><bdi dir="ltr">{shown(row.usual)}</bdi></td>
                {row.parts.map((part, i) => <td key={i} class="num"><bdi dir="ltr">{shown(part, true)}</bdi></td>)}
                <td class="num strong"><bdi dir="ltr">{shown(row.value)}</bdi></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
