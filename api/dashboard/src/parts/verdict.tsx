// How good the forecast is: the rolling-backtest verdict that chose the model, and how this very issue has done so far.
import type { Fan } from "../charts/fan";
import type { ForecastPage } from "../core/contract";
import { showFull } from "../core/time";
import { digitsFor, modelName, readable, showNumber, showPercent, t } from "../core/words";
import { Figure } from "./states";

export function VerdictBox({ page, zone }: { page: ForecastPage; zone: string }) {
  const { verdict } = page;
  if (!verdict) return <section class="panel verdict"><h2>{t("verdict")}</h2><p><strong>{modelName(page.model)}</strong> {page.model !== "sum" && <span class="muted">{page.model_version}</span>}</p><p class="muted">{t(page.model === "sum" ? "verdictSum" : "noVerdict")}</p></section>;
  const rows = [...verdict.table].sort((a, b) => (a.score ?? Infinity) - (b.score ?? Infinity));
  const worst = Math.max(...rows.map((row) => row.score ?? 0), 1e-9);
  const scale = readable(verdict.metric.includes("wape") || verdict.metric.includes("%") ? "" : page.unit, worst);
  const shown = (score: number | null) => showNumber(score === null ? null : score * scale.factor, digitsFor(worst * scale.factor));
  const served = rows.find((row) => row.model === verdict.model);
  return (
    <section class="panel verdict" data-testid="verdict">
      <h2>{t("verdict")}</h2>
      <dl class="facts">
        <div><dt>{t("modelServed")}</dt><dd><strong>{modelName(verdict.model)}</strong></dd></div>
        <div><dt>{t("bestNaive")}</dt><dd>{modelName(verdict.best_naive)}</dd></div>
        <div><dt>{t("skill")}</dt><dd><Figure class={(verdict.skill ?? 0) > 0 ? "good" : ""} value={`${(verdict.skill ?? 0) > 0 ? "+" : ""}${showPercent(verdict.skill, 1)}`} /></dd></div>
        {served?.coverage_80 != null && <div><dt>{t("coverage80")}</dt><dd><Figure value={showPercent(served.coverage_80, 1)} /></dd></div>}
      </dl>
      <table class="scores">
        <thead><tr><th scope="col">{t("metric")}: {verdict.metric}</th><th scope="col" class="num">{scale.unit}</th><th scope="col" class="num">{showPercent(0.8)}</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.model} class={row.model === verdict.model ? "served" : ""}>
              <th scope="row">
                {modelName(row.model)}{row.model === verdict.model && <span class="tag">{t("servedMark")}</span>}{row.model === verdict.best_naive && row.model !== verdict.model && <span class="tag">{t("naiveMark")}</span>}
                <svg class="score-bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true"><rect width={((row.score ?? 0) / worst) * 100} height="3" /></svg>
              </th>
              <td class="num">{shown(row.score)}</td><td class="num">{showPercent(row.coverage_80)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted small">{t("evaluatedAt")} {showFull(Date.parse(verdict.evaluated_at), zone)}<br />{t("modelVersion")} <bdi dir="ltr">{page.model_version}</bdi> · {t("resolution")} <bdi dir="ltr">{page.resolution.replace(/^PT?/, "").toLowerCase()}</bdi></p>
    </section>
  );
}

export function ThisIssue({ score, fan }: { score: { count: number; error: number; bias: number; inside: number } | null; fan: Fan }) {
  const shown = (value: number) => showNumber(value * fan.scale.factor, digitsFor(Math.abs(score?.error ?? 0) * fan.scale.factor));
  return (
    <section class="panel">
      <h2>{t("thisWindow")}</h2>
      {score ? (
        <dl class="facts">
          <div><dt>{t("meanAbsError")}</dt><dd><Figure value={shown(score.error)} unit={fan.scale.unit} /></dd></div>
          <div><dt>{t("bias")}</dt><dd><Figure value={`${score.bias > 0 ? "+" : ""}${shown(score.bias)}`} unit={fan.scale.unit} /></dd></div>
          <div><dt>{t("inBand")}</dt><dd><Figure value={`${score.inside} / ${score.count}`} /></dd></div>
        </dl>
      ) : <p class="muted">{t("notEnough")}</p>}
    </section>
  );
}
