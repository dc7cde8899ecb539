// The frame around every page: top bar with navigation, clock and live state, the banner when the stream is cut, and the door when nobody is logged in.
import { useEffect } from "preact/hooks";
import { connections, loadConnections } from "./core/connections";
import { loadFleet } from "./core/fleet";
import { logOut, session } from "./core/http";
import { activeAlerts, announcement, isFolded, isShelved, loadAlerts } from "./core/inbox";
import { liveState, nextAttempt, reconnectNow, serverNow, startLive, stopLive } from "./core/live";
import { address, route } from "./core/route";
import { showDay, showTime, tick } from "./core/time";
import { localText, t } from "./core/words";
import { AssetPage } from "./pages/asset";
import { ConnectionsPage } from "./pages/connections";
import { ForecastPage } from "./pages/forecast";
import { Inbox } from "./pages/inbox";
import { Login } from "./pages/login";
import { Overview } from "./pages/overview";
import { PlanPage } from "./pages/plan";
import { Brand, Leave } from "./parts/icons";
import { Preferences } from "./parts/preferences";
import { Empty, Loading } from "./parts/states";

export function App() {
  const who = session.value;
  useEffect(() => {
    if (!who) { stopLive(); return; }
    void loadFleet(true);
    void loadAlerts();
    void loadConnections();
    startLive();
  }, [who]);
  const count = who ? activeAlerts.value.filter((alert) => alert.state === "open" && !isShelved(alert) && !isFolded(alert)).length : 0;
  useEffect(() => { document.title = count ? `(${count}) Chergui` : "Chergui"; }, [count]);
  if (who === undefined) return <div class="page"><Loading /></div>;
  if (who === null) return <Login />;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>{t("skip")}</a>
      <TopBar />
      {liveState.value === "cut" && <CutBanner />}
      <main id="main" tabIndex={-1}><Page /></main>
      <p class="visually-hidden" role="status" aria-live="polite">{announcement.value ? t("newAlert", { title: localText(announcement.value.title) }) : ""}</p>
    </>
  );
}

function Page() {
  switch (route.value.page) {
    case "fleet": return <Overview />;
    case "forecast": return <ForecastPage />;
    case "alerts": return <Inbox />;
    case "plan": return <PlanPage />;
    case "connections": return <ConnectionsPage />;
    case "asset": return <AssetPage key={route.value.parts[0] ?? ""} />;
    default: return <Empty title={t("notFound")} help={t("notFoundHelp")}><a class="button" href={address.fleet()}>{t("fleet")}</a></Empty>;
  }
}

function TopBar() {
  const { page } = route.value;
  const waiting = activeAlerts.value.filter((alert) => alert.state === "open" && !isShelved(alert) && !isFolded(alert));
  const worst = waiting.some((alert) => alert.severity === "critical") ? "critical" : waiting.some((alert) => alert.severity === "warning") ? "warning" : "info";
  const link = (name: string, to: string, word: string, count?: number) => (
    <a href={to} aria-current={page === name ? "page" : undefined}>{word}{count ? <span class={`count count-${worst}`} data-testid="alert-count">{count}</span> : null}</a>
  );
  const now = serverNow.value;
  const offDay = Math.abs(now - tick.value) > 43_200_000;
  return (
    <header class="topbar">
      <a class="brand" href={address.fleet()} aria-label="Chergui"><Brand /><span>Chergui</span></a>
      <nav aria-label={t("mainMenu")}>
        {link("fleet", address.fleet(), t("fleet"))}{link("forecast", address.forecast(), t("forecast"))}{link("alerts", address.alerts(), t("alerts"), waiting.length)}{link("plan", address.plan(), t("plan"))}{connections.value?.length ? link("connections", address.connections(), t("connections")) : null}
      </nav>
      <div class="topbar-end">
        <span class={`live live-${liveState.value}`} data-testid="live" data-live={liveState.value}><i aria-hidden="true" />{liveState.value === "live" ? t("live") : liveState.value === "connecting" ? t("connecting") : t("stale")}</span>
        <span class={`clock ${offDay ? "clock-shifted" : ""}`}><bdi>{showDay(now, "UTC")}</bdi> <bdi class="strong" dir="ltr">{showTime(now, "UTC")}</bdi> <span class="muted">UTC</span></span>
        <Preferences />
        <button type="button" class="button icon-button quiet" aria-label={t("logOut")} title={`${t("logOut")} (${session.value?.name ?? ""})`} onClick={() => void logOut()}><Leave /></button>
      </div>
    </header>
  );
}

function CutBanner() {
  const wait = Math.max(0, Math.ceil((nextAttempt.value - tick.value) / 1000));
  return (
    <div class="banner" role="alert">
      <span>{t("cut")}</span> <span class="muted" aria-hidden="true">{t("reconnectIn", { s: wait })}</span>
      <button type="button" class="button" onClick={reconnectNow}>{t("reconnect")}</button>
    </div>
  );
}
