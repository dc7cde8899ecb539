// What to do: the advice, the steps of the playbook to tick off, and how long it takes how many people.
import type { Alert } from "../core/contract";
import { isClosed } from "../core/inbox";
import { address } from "../core/route";
import { localText, showNumber, t } from "../core/words";

export function Advice({ alert }: { alert: Alert }) {
  const { playbook } = alert;
  return (
    <section class="advice" data-testid="action">
      <h3>{t("whatToDo")}</h3>
      <p>{localText(alert.advice)}</p>
      {playbook && playbook.steps.length > 0 && (
        <>
          <h4>{t("playbook")}</h4>
          <ol class="steps" data-testid="playbook">{playbook.steps.map((step, i) => <li key={i}>{localText(step)}</li>)}</ol>
          <p class="effort"><bdi>{t("hours", { n: showNumber(playbook.hours, playbook.hours % 1 ? 1 : 0) })}</bdi> · {playbook.people === 1 ? t("onePerson") : t("people", { n: playbook.people })}{!isClosed(alert) && <> · <a href={address.plan()}>{t("planVisit")}</a></>}</p>
        </>
      )}
    </section>
  );
}
