// How much this alert deserves attention, and what people said of its kind before: priority, earlier false alarms, the budget of alerts.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Alert, AlertBudget } from "../core/contract";
import { assetById } from "../core/fleet";
import { get } from "../core/http";
import { showDay } from "../core/time";
import { apart, showNumber, showPercent, t } from "../core/words";

/** The budget as last told; null where the server keeps none. */
export const budget = signal<AlertBudget | null | undefined>(undefined);

export function useBudget(key: string): AlertBudget | null | undefined {
  useEffect(() => { get<AlertBudget>("/alerts/budget").then((told) => { budget.value = told; }, () => { budget.value ??= null; }); }, [key]);
  return budget.value;
}

const wordOf = (priority: number) => (priority >= 0.66 ? t("priorityHigh") : priority >= 0.33 ? t("priorityMiddle") : t("priorityLow"));

export function Pattern({ alert }: { alert: Alert }) {
  const told = useBudget(`${alert.id}|${alert.state}`);
  const kind = assetById.value.get(alert.asset_id)?.kind;
  const own = told?.patterns.find((pattern) => pattern.component === alert.component && pattern.mode === alert.mode && (!kind || pattern.asset_kind === kind));
  if (alert.priority === undefined && !own) return null;
  return (
    <section class="pattern" data-testid="pattern">
      <h3>{t("priority")}</h3>
      {alert.priority !== undefined && (
        <>
          <p><span class="strong">{wordOf(alert.priority)}</span> <bdi class="muted">{showNumber(alert.priority, 2)}</bdi></p>
          <svg class="share-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="share-track" width="100" height="6" /><rect class="share-part" width={100 * Math.max(0, Math.min(1, alert.priority))} height="6" /></svg>
          <p class="muted small">{t("priorityHelp")}</p>
        </>
      )}
      {own && <p class="small">{own.false_positives ? t("patternFalse", { raised: showNumber(own.raised, 0), n: showNumber(own.false_positives, 0) }) : t("patternTrue", { raised: showNumber(own.raised, 0) })}{own.false_positives > 0 && own.priority < 1 && ` ${t("patternLowered", { share: showPercent(own.priority) })}`}</p>}
    </section>
  );
}

/** One line: alerts raised, and the false among them against what the budget allows (one is always forgiven). */
export function BudgetLine() {
  const told = useBudget("inbox");
  if (!told || !told.assets) return null;
  const aYear = told.budget_per_asset_year * told.assets;
  const over = told.false_positives > Math.max(1, told.allowed);
  return (
    <span class={over ? "stale-mark" : ""} data-testid="budget" title={t("budgetHelp", { n: showNumber(told.budget_per_asset_year, told.budget_per_asset_year % 1 ? 1 : 0), assets: showNumber(told.assets, 0) })}>
      {t("budgetLine", { raised: apart(showNumber(told.raised, 0)), since: showDay(Date.parse(told.since), "UTC"), n: apart(showNumber(told.false_positives, 0)), allowed: apart(showNumber(aYear, aYear < 10 ? 1 : 0)) })}
    </span>
  );
}
