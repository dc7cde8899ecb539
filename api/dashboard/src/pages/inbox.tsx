// Alert inbox: the list with its filters on one side, the chosen alert on the other (on a phone one after the other). j/k move, a acknowledges.
// What is folded under another alert is found under that one, or by searching.
import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Alert, Severity } from "../core/contract";
import { act, alerts, alertsError, alertsLoaded, isClosed, isFolded, isShelved, loadAlerts, loadHistory, SEVERITY_RANK } from "../core/inbox";
import { useResource } from "../core/resource";
import { address, go, route } from "../core/route";
import { componentName, modeName, quantityName, severityName, t, type Word } from "../core/words";
import { AlertPane } from "../parts/alert-pane";
import { AlertRow } from "../parts/alert-row";
import { BudgetLine } from "../parts/pattern";
import { Empty, Failed, Loading } from "../parts/states";

type Tab = "active" | "unowned" | "shelved" | "closed" | "all";
type Order = "urgency" | "newest" | "loss";
const tab = signal<Tab>("active");
const order = signal<Order>("urgency");
const severity = signal<Severity | "">("");
const assetId = signal("");
const text = signal("");

const TABS: Record<Tab, { word: Word; holds: (alert: Alert) => boolean }> = {
  active: { word: "active", holds: (alert) => !isClosed(alert) && !isShelved(alert) },
  unowned: { word: "unowned", holds: (alert) => alert.state === "open" && !isShelved(alert) },
  shelved: { word: "shelvedTab", holds: (alert) => !isClosed(alert) && isShelved(alert) },
  closed: { word: "closed", holds: isClosed },
  all: { word: "all", holds: () => true },
};
const ORDERS: Record<Order, { word: Word; compare: (a: Alert, b: Alert) => number }> = {
  urgency: { word: "sortUrgency", compare: (a, b) => SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity] || (b.priority ?? 0) - (a.priority ?? 0) || b.opened_at.localeCompare(a.opened_at) },
  newest: { word: "sortNewest", compare: (a, b) => b.opened_at.localeCompare(a.opened_at) },
  loss: { word: "sortLoss", compare: (a, b) => (b.energy_lost_kwh ?? 0) - (a.energy_lost_kwh ?? 0) },
};

function matches(alert: Alert): boolean {
  if (severity.value && alert.severity !== severity.value) return false;
  if (assetId.value && alert.asset_id !== assetId.value) return false;
  if (!text.value) return true;
  const all = [alert.asset_name, alert.asset_id, alert.component, componentName(alert.component), modeName(alert.mode), alert.title.en, alert.title.fr, alert.title.ar, alert.assignee ?? "", ...alert.top_contributors.map(quantityName)].join(" ").toLowerCase();
  return text.value.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

export function Inbox() {
  const chosen = route.value.parts[0];
  const every = [...alerts.value.values()];
  const searching = text.value !== "" || assetId.value !== "";
  const all = every.filter((alert) => !isFolded(alert) || searching || alert.id === chosen);
  const chosenAlert = chosen ? alerts.value.get(chosen) : undefined;
  const list = all.filter((alert) => TABS[tab.value].holds(alert) && matches(alert)).sort(ORDERS[order.value].compare);
  const assetNames = useMemo(() => [...new Map(every.map((alert) => [alert.asset_id, alert.asset_name]))].sort((a, b) => a[1].localeCompare(b[1], undefined, { numeric: true })), [alerts.value]);

  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest("input, textarea, select, .plot")) return;
      if (event.key === "j" || event.key === "k") {
        const at = list.findIndex((alert) => alert.id === chosen);
        const next = list[Math.min(list.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
        if (next) { go(address.alerts(next.id), true); requestAnimationFrame(() => document.querySelector(".alert-row.is-chosen")?.scrollIntoView({ block: "nearest" })); }
      }
      if (event.key === "a" && chosenAlert?.state === "open") void act(chosenAlert.id, { name: "acknowledge" }).catch(() => undefined);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  });

  if (!alertsLoaded.value) return alertsError.value ? <Failed problem={alertsError.value} retry={() => void loadAlerts()} /> : <div class="page"><Loading lines={8} /></div>;
  return (
    <div class={`page inbox ${chosen ? "has-chosen" : ""}`}>
      <h1 class="visually-hidden">{t("inbox")}</h1>
      <section class="inbox-list" aria-label={t("inbox")}>
        <div class="tabs" role="group" aria-label={t("filterState")}>
          {(Object.keys(TABS) as Tab[]).map((name) => (
            <button key={name} type="button" data-tab={name} class={tab.value === name ? "is-on" : ""} aria-pressed={tab.value === name} onClick={() => { tab.value = name; }}>
              {t(TABS[name].word)} {name !== "all" && <span class="count">{all.filter(TABS[name].holds).length}</span>}
            </button>
          ))}
        </div>
        <div class="filters">
          <input type="search" aria-label={t("filterText")} placeholder={t("searchHint")} value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} />
          <select aria-label={t("filterSeverity")} value={severity.value} onChange={(event) => { severity.value = event.currentTarget.value as Severity | ""; }}>
            <option value="">{t("filterSeverity")}: {t("all")}</option>
            {(["critical", "warning", "info"] as const).map((name) => <option key={name} value={name}>{severityName(name)}</option>)}
          </select>
          <select aria-label={t("filterAsset")} value={assetId.value} onChange={(event) => { assetId.value = event.currentTarget.value; }}>
            <option value="">{t("allAssets")}</option>
            {assetNames.map(([id, name]) => <option key={id} value={id}>{name}</option>)}
          </select>
          <select aria-label={t("sort")} value={order.value} onChange={(event) => { order.value = event.currentTarget.value as Order; }}>
            {(Object.keys(ORDERS) as Order[]).map((name) => <option key={name} value={name}>{t(ORDERS[name].word)}</option>)}
          </select>
        </div>
        {list.length ? <ul class="alert-list">{list.map((alert) => <AlertRow key={alert.id} alert={alert} chosen={alert.id === chosen} />)}</ul> : <Empty title={t("inboxEmpty")} help={t("inboxEmptyHelp")} />}
        <p class="inbox-foot muted small"><span>{t("shownCount", { shown: list.length, all: all.length })}</span><BudgetLine /><span class="keyboard-hint">{t("keyboardHint")}</span></p>
      </section>
      <section class="inbox-detail" aria-label={t("alerts")}>
        {chosenAlert ? <AlertPane key={chosenAlert.id} alert={chosenAlert} /> : chosen ? <Elsewhere key={chosen} id={chosen} /> : <Empty title={t("chooseAlert")} help={t("chooseAlertHelp")} />}
      </section>
    </div>
  );
}

/** An alert that is not among those read so far (an old one, from a link): asked for by itself. */
function Elsewhere({ id }: { id: string }) {
  const asked = useResource(id, () => loadHistory(id));
  const error = asked.error.value;
  if (!error) return <div class="pane"><Loading lines={8} /></div>;
  const back = <a class="button" href={address.alerts()}>{t("back")}</a>;
  return error.status === 404 || error.status === 400 ? <Empty title={t("unknownAlert")} help={error.detail}>{back}</Empty> : <div class="pane"><Failed problem={error} retry={asked.reload} />{back}</div>;
}
