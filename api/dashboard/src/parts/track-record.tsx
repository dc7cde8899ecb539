// How past forecasts did, by how far ahead they looked: error, loss, coverage against what the band promises, gain over the naive rivals.
import type { LeadScores, Verification } from "../core/contract";
import type { Resource } from "../core/resource";
import { showDay } from "../core/time";
import { apart, digitsFor, modelName, readable, showNumber, showPercent, t } from "../core/words";
import { Failed, Loading } from "./states";

const PROMISED = 0.8;
/** Coverage within this of the promise is as it should be; of few steps more is chance. */
const NEAR = 0.05;

export function TrackRecord({ record, zone }: { record: Resource<Verification>; zone: string }) {
  const value = record.value.value;
  const error = record.error.value;
  const day = (time: string | null) => (time === null ? "" : showDay(Date.parse(time), zone));
  const empty = value && (value.issues === 0 || value.buckets.length === 0);
  return (
    <section class="panel record" data-testid="track-record">
      <header class="panel-head">
        <h2>{t("record")}</h2>
        {value && !empty && !error && <p class="muted">{t("recordHelp", { issues: showNumber(value.issues, 0), from: day(value.from), to: day(value.to) })}{value.best_naive && ` ${t("recordNaiveIs", { model: modelName(value.best_naive) })}`}</p>}
      </header>
      {error ? (error.status === 404 ? <p class="muted note">{t("recordSoon")}</p> : <Failed problem={error} retry={record.reload} />)
        : !value ? <Loading lines={4} />
          : empty ? <p class="muted note">{t("recordSoon")}</p> : <Scores record={value} />}
    </section>
  );
}

function Scores({ record }: { record: Verification }) {
  const largest = Math.max(...record.buckets.map((bucket) => bucket.mae ?? 0), record.all?.mae ?? 0);
  const scale = readable(record.unit, largest);
  const digits = Math.max(digitsFor(largest * scale.factor), 1);
  const loss = digitsFor(Math.max(...record.buckets.map((bucket) => bucket.pinball ?? 0)) * scale.factor);
  const shown = (score: number | null, places: number) => <bdi dir="ltr">{showNumber(score === null ? null : score * scale.factor, places)}</bdi>;
  const row = (bucket: LeadScores, name: string, all = false) => (
    <tr key={name} class={all ? "all" : ""} data-lead={all ? "all" : bucket.from_minutes}>
      <th scope="row">{name}</th>
      <td class="num" data-score="mae">{shown(bucket.mae, digits)}</td>
      <td class="num" data-score="pinball">{shown(bucket.pinball, Math.max(loss, digits))}</td>
      <td class="num covered" data-score="coverage_80"><Coverage share={bucket.coverage_80} /></td>
      <td class="num" data-score="skill_persistence"><Gain share={bucket.skill_persistence} /></td>
      <td class="num" data-score="skill_naive"><Gain share={bucket.skill_naive} /></td>
    </tr>
  );
  return (
    <>
      <div class="table-scroll record-scroll">
        <table class="record-table">
          <thead>
            <tr>
              <th scope="col">{t("recordAhead")}</th><th scope="col" class="num">{t("recordError")} <span class="unit">{scale.unit}</span></th><th scope="col" class="num">{t("recordPinball")} <span class="unit">{scale.unit}</span></th>
              <th scope="col" class="num">{t("recordCovered")}</th><th scope="col" class="num">{t("recordPersistence")}</th><th scope="col" class="num">{t("recordNaive")}</th>
            </tr>
          </thead>
          <tbody>{record.buckets.map((bucket) => row(bucket, span(bucket)))}{record.all && row(record.all, t("recordAll"), true)}</tbody>
        </table>
      </div>
      <p class="muted small">{t("recordTick")}</p>
    </>
  );
}

/** A stretch of leads in the largest unit that keeps it whole. */
function span({ from_minutes: from, to_minutes: to }: LeadScores): string {
  const [size, word] = from % 1440 === 0 && to % 1440 === 0 && from > 0 ? ([1440, "days"] as const) : from % 60 === 0 && to % 60 === 0 ? ([60, "hours"] as const) : ([1, "minutes"] as const);
  return t(word, { n: apart(`${showNumber(from / size, 0)}–${showNumber(to / size, 0)}`) });
}

function Coverage({ share }: { share: number | null }) {
  const off = share !== null && Math.abs(share - PROMISED) > NEAR;
  return (
    <>
      <bdi dir="ltr" class={off ? "off" : ""}>{showPercent(share)}</bdi>
      {share !== null && <svg class="coverage" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="coverage-track" width="100" height="8" /><rect class="coverage-share" width={100 * share} height="8" /><rect class="coverage-tick" x={100 * PROMISED - 0.75} width="1.5" height="8" /></svg>}
    </>
  );
}

const Gain = ({ share }: { share: number | null }) => <bdi dir="ltr" class={share === null ? "muted" : share > 0 ? "good" : "off"}>{`${(share ?? 0) > 0 ? "+" : ""}${showPercent(share).replace("-", "−")}`}</bdi>;
