// What a panel says while it has nothing to show: loading, empty, failed (with retry). Also numbers that stay left-to-right in Arabic, and small shared marks.
import type { ComponentChildren } from "preact";
import type { Alert } from "../core/contract";
import type { Problem } from "../core/http";
import { isShelved } from "../core/inbox";
import { severityName, stateName, t } from "../core/words";
import { SeverityMark } from "./icons";

export const Loading = ({ lines = 3 }: { lines?: number }) => (
  <div class="loading" role="status" aria-live="polite">
    <span class="visually-hidden">{t("loading")}</span>
    {Array.from({ length: lines }, (_, i) => <span key={i} class={`skeleton skeleton-${i % 3}`} aria-hidden="true" />)}
  </div>
);

export const Empty = ({ title, help, children }: { title: string; help?: string; children?: ComponentChildren }) => (
  <div class="empty"><p class="empty-title">{title}</p>{help && <p>{help}</p>}{children}</div>
);

export const problemText = (problem: Problem) => (problem.status === 0 && problem.code === "unreachable" ? t("unreachable") : problem.detail || problem.title);

export const Failed = ({ problem, retry }: { problem: Problem; retry?: () => void }) => (
  <div class="empty failed" role="alert">
    <p class="empty-title">{t("failed")}</p>
    <p>{problemText(problem)}</p>
    {retry && <button type="button" class="button" onClick={retry}>{t("retry")}</button>}
  </div>
);

/** A number with its unit, always left to right. */
export const Figure = ({ value, unit, class: className = "" }: { value: string; unit?: string; class?: string }) => (
  <bdi dir="ltr" class={`figure ${className}`}>{value}{unit && <span class="unit">{unit}</span>}</bdi>
);

export const SeverityBadge = ({ alert }: { alert: Alert }) => (
  <span class={`severity severity-${alert.severity}`}><SeverityMark severity={alert.severity} />{severityName(alert.severity)}</span>
);

export const StateBadge = ({ alert }: { alert: Alert }) => {
  const shown = isShelved(alert) ? "shelved" : alert.state;
  return <span class={`state state-${shown}`} data-state={alert.state}>{stateName(shown)}</span>;
};
