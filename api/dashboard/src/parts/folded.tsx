// What was folded away so that one alert says it: the parent above, the children below, and the controller's own log lines, page by page.
import { useState } from "preact/hooks";
import type { Alert, AlertEvidence, LogLine, LogPage } from "../core/contract";
import { get, Problem } from "../core/http";
import { alerts } from "../core/inbox";
import { address } from "../core/route";
import { showFull, showMoment } from "../core/time";
import { localText, showNumber, t } from "../core/words";
import { AlertRow } from "./alert-row";
import { Failed, Loading } from "./states";

export function ParentLink({ alert }: { alert: Alert }) {
  if (!alert.parent_alert_id) return null;
  const parent = alerts.value.get(alert.parent_alert_id);
  return <p class="folded-under">{t("foldedUnder")} <a href={address.alerts(alert.parent_alert_id)}>{parent ? localText(parent.title) : alert.parent_alert_id}</a>{parent && <span class="muted"> · {parent.asset_name}</span>}</p>;
}

/** More children than this are a list behind a button. */
const FEW = 6;

export function Children({ alert }: { alert: Alert }) {
  const [all, setAll] = useState(false);
  const known = [...alerts.value.values()].filter((other) => other.parent_alert_id === alert.id).sort((a, b) => a.asset_name.localeCompare(b.asset_name, undefined, { numeric: true }));
  const count = Math.max(alert.children ?? 0, known.length);
  if (!count) return null;
  return (
    <section class="children" data-testid="children">
      <h3>{t("foldedHere", { n: showNumber(count, 0) })}</h3>
      {known.length > 0 && <ul class="alert-list">{(all ? known : known.slice(0, FEW)).map((child) => <AlertRow key={child.id} alert={child} />)}</ul>}
      {known.length > FEW && !all && <button type="button" class="button" onClick={() => setAll(true)}>{t("showAll", { n: showNumber(known.length, 0) })}</button>}
    </section>
  );
}

export function ControllerLog({ alert, told, zone }: { alert: Alert; told: AlertEvidence | undefined; zone: string }) {
  const [lines, setLines] = useState<LogLine[] | undefined>(undefined);
  const [next, setNext] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const count = told?.log?.lines ?? 0;
  if (!count) return null;
  const load = async (cursor: string | null) => {
    setBusy(true);
    setProblem(null);
    try {
      const page = await get<LogPage>(`/alerts/${encodeURIComponent(alert.id)}/log`, { cursor: cursor ?? undefined });
      setLines((known) => [...(cursor ? known ?? [] : []), ...page.lines]);
      setNext(page.next);
    } catch (caught) {
      setProblem(caught instanceof Problem ? caught : new Problem(0, "bad_answer", String(caught), String(caught)));
    } finally { setBusy(false); }
  };
  return (
    <section class="log" data-testid="log" aria-busy={busy}>
      <h3>{t("controllerLog")}</h3>
      <p class="muted">{t("logFolded", { lines: showNumber(count, 0), episodes: showNumber(told?.log?.episodes ?? 0, 0) })}</p>
      {lines && (
        <div class="table-scroll" tabIndex={0} role="group" aria-label={t("controllerLog")}>
          <table>
            <thead><tr><th scope="col">{t("validTime")}</th><th scope="col">{t("logMessage")}</th><th scope="col">{t("logReset")}</th></tr></thead>
            <tbody>{lines.map((line, i) => <tr key={i}><th scope="row"><time dateTime={line.time} title={showFull(Date.parse(line.time), zone)}>{showMoment(Date.parse(line.time), zone)}</time></th><td dir="auto">{line.message}</td><td>{line.reset_at ? showMoment(Date.parse(line.reset_at), zone) : <span class="muted">{t("logStands")}</span>}</td></tr>)}</tbody>
          </table>
        </div>
      )}
      {lines?.length === 0 && <p class="muted">{t("logEmpty")}</p>}
      {busy && !lines && <Loading lines={3} />}
      {problem && <Failed problem={problem} retry={() => void load(next)} />}
      {!problem && (!lines || next) && <button type="button" class="button" data-testid="log-more" disabled={busy} onClick={() => void load(lines ? next : null)}>{lines ? t("logMore", { n: showNumber(lines.length, 0), all: showNumber(count, 0) }) : t("logShow")}</button>}
    </section>
  );
}
