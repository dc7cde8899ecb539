// What one can do about an alert: acknowledge at once; assign, resolve, false positive, shelve and comment through a small form. Refusals show the server's words.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Alert, Outcome } from "../core/contract";
import { act, alerts, isClosed, isShelved, type Action } from "../core/inbox";
import { Problem, session } from "../core/http";
import { serverNow } from "../core/live";
import { eventName, t, type Word } from "../core/words";
import { problemText } from "./states";

type Form = "assign" | "resolve" | "false_positive" | "shelve" | "comment";
const OUTCOMES: [Outcome, Word][] = [["fixed", "outcomeFixed"], ["no_action", "outcomeNoAction"], ["false_positive", "falsePositive"]];
const SHELF_HOURS = [4, 12, 24, 72, 168];

export function AlertActions({ alert }: { alert: Alert }) {
  const [form, setForm] = useState<Form | null>(null);
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const [done, setDone] = useState("");
  // The button that was pressed may be gone afterwards; the focus stays here, and what was done is said aloud.
  const box = useRef<HTMLDivElement>(null);
  const back = () => box.current?.focus({ preventScroll: true });

  const run = async (action: Action) => {
    setSending(true);
    setRefused(null);
    setForm(null);
    setDone("");
    back();
    try { await act(alert.id, action); setDone(eventName(action.name === "resolve" && action.outcome === "false_positive" ? "false_positive" : action.name)); } catch (problem) {
      setRefused(problem instanceof Problem ? problemText(problem) : String(problem));
    } finally { setSending(false); }
  };
  const toggle = (name: Form) => { setRefused(null); setForm(form === name ? null : name); };
  const button = (name: Form, label: string) => (
    <button type="button" class={`button ${form === name ? "is-on" : ""}`} data-action={name} aria-expanded={form === name} disabled={sending} onClick={() => toggle(name)}>{label}</button>
  );
  const closed = isClosed(alert);
  return (
    <div class="actions" ref={box} tabIndex={-1} role="group" aria-label={t("actions")} aria-busy={sending}>
      <div class="action-row">
        {alert.state === "open" && <button type="button" class="button primary" data-action="acknowledge" disabled={sending} onClick={() => void run({ name: "acknowledge" })}>{t("acknowledge")}</button>}
        {!closed && <>{button("assign", t("assign"))}{button("resolve", t("resolve"))}{button("false_positive", t("falsePositive"))}{!isShelved(alert) && button("shelve", t("shelve"))}</>}
        {button("comment", t("comment"))}
      </div>
      {form && <ActionForm key={form} form={form} run={run} cancel={() => { setForm(null); back(); }} />}
      <p class="visually-hidden" role="status">{done}</p>
      {refused && <p class="refused" role="alert">{t("actionRefused", { detail: refused })} <button type="button" class="link" onClick={() => setRefused(null)}>{t("dismiss")}</button></p>}
    </div>
  );
}

function ActionForm({ form, run, cancel }: { form: Form; run: (action: Action) => Promise<void>; cancel: () => void }) {
  const [who, setWho] = useState(form === "assign" ? session.value?.name ?? "" : "");
  const [words, setWords] = useState("");
  const [outcome, setOutcome] = useState<Outcome>("fixed");
  const [hours, setHours] = useState(24);
  const first = useRef<HTMLElement>(null);
  useEffect(() => { first.current?.querySelector<HTMLElement>("input, textarea, select")?.focus(); }, []);
  const isFalse = form === "false_positive" || (form === "resolve" && outcome === "false_positive");
  const needsReason = isFalse || form === "shelve" || form === "comment";
  const known = [...new Set([...alerts.value.values()].flatMap((alert) => (alert.assignee ? [alert.assignee] : [])))];

  const submit = (event: Event) => {
    event.preventDefault();
    const said = words.trim();
    if (needsReason && !said) return;
    const comment = said ? { comment: said } : {};
    if (form === "assign") { if (who.trim()) void run({ name: "assign", assignee: who.trim(), ...comment }); }
    else if (form === "resolve") void run({ name: "resolve", outcome, ...(said ? { reason: said } : {}) });
    else if (form === "false_positive") void run({ name: "resolve", outcome: "false_positive", reason: said });
    else if (form === "shelve") void run({ name: "shelve", until: new Date(serverNow.value + hours * 3_600_000).toISOString(), reason: said });
    else void run({ name: "comment", comment: said });
  };
  return (
    <form class="action-form" ref={(element) => { first.current = element; }} onSubmit={submit} onKeyDown={(event) => { if (event.key === "Escape") cancel(); }}>
      {form === "assign" && (
        <label>{t("assignTo")}<input name="assignee" list="assignees" required value={who} autoComplete="off" onInput={(event) => setWho(event.currentTarget.value)} onFocus={(event) => event.currentTarget.select()} /><datalist id="assignees">{known.map((name) => <option key={name} value={name} />)}</datalist></label>
      )}
      {form === "resolve" && (
        <fieldset><legend>{t("outcome")}</legend>
          {OUTCOMES.map(([name, word]) => <label key={name} class="radio"><input type="radio" name="outcome" value={name} checked={outcome === name} onChange={() => setOutcome(name)} />{t(word)}</label>)}
        </fieldset>
      )}
      {form === "shelve" && (
        <label>{t("shelveFor")}<select value={hours} onChange={(event) => setHours(Number(event.currentTarget.value))}>{SHELF_HOURS.map((n) => <option key={n} value={n}>{n % 24 ? t("hours", { n }) : t("days", { n: n / 24 })}</option>)}</select></label>
      )}
      <label><span>{form === "assign" || form === "comment" ? t("commentLabel") : t("reasonLabel")}{!needsReason && <span class="muted"> ({t("optional")})</span>}</span>
        <textarea name="words" rows={2} required={needsReason} value={words} onInput={(event) => setWords(event.currentTarget.value)} />
      </label>
      {isFalse && <p class="muted small">{t("reasonNeeded")}</p>}
      <div class="action-row"><button type="submit" class="button primary" data-testid="submit-action">{t("save")}</button><button type="button" class="button" onClick={cancel}>{t("cancel")}</button></div>
    </form>
  );
}
