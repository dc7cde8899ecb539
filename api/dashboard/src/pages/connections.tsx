// Connections to plants: where each stands, how fresh and how good its values are, what went wrong last, and its live tail when chosen. Escape closes the tail.
import { useEffect } from "preact/hooks";
import { connections, connectionsError, loadConnections, SKEW_LIMIT_S, standing, watchConnections } from "../core/connections";
import { address, go, route } from "../core/route";
import { showSpan } from "../core/time";
import { showNumber, t } from "../core/words";
import { columns, ConnectionRow } from "../parts/connection-row";
import { Empty, Failed, Loading, problemText } from "../parts/states";

export function ConnectionsPage() {
  const chosen = route.value.parts[0];
  const list = connections.value;
  const error = connectionsError.value;
  useEffect(watchConnections, []);
  useEffect(() => {
    if (!chosen) return undefined;
    const keys = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.ctrlKey || event.metaKey || event.altKey) return;
      go(address.connections());
      document.getElementById(`connection-${chosen}`)?.focus();
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [chosen]);
  if (!list) return error ? <Failed problem={error} retry={() => void loadConnections()} /> : <div class="page"><Loading lines={6} /></div>;
  if (!list.length) return <Empty title={t("noConnections")}><p>{t("noConnectionsHelp").split("`").map((part, i) => (i % 2 ? <code key={i} dir="ltr">{part}</code> : part))}</p></Empty>;
  const live = list.filter((connection) => standing(connection) === "live").length;
  return (
    <div class="page connections">
      <div class="toolbar">
        <div><h1>{t("connections")}</h1><p class="muted">{t("connectionsLive", { n: showNumber(live, 0), all: showNumber(list.length, 0) })}</p></div>
      </div>
      {error && <p class="refused" role="alert">{t("connectionsOld", { detail: problemText(error) })}</p>}
      {chosen && !list.some((connection) => connection.name === chosen) && <p class="refused" role="alert">{t("unknownConnection")}</p>}
      <section class={`panel connections-panel ${error ? "is-old" : ""}`} aria-label={t("connections")}>
        <table class="connections-table" data-testid="connections">
          <thead><tr>{columns().map((head, i) => <th key={head} scope="col" class={i > 2 ? "num" : ""}>{head}</th>)}</tr></thead>
          {list.map((connection) => <ConnectionRow key={connection.name} connection={connection} chosen={connection.name === chosen} />)}
        </table>
      </section>
      <p class="muted small connections-foot">{t("connectionsHelp", { limit: showSpan(SKEW_LIMIT_S) })}</p>
    </div>
  );
}
