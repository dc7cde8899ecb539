// What makes this forecast worse than usual, in the reader's language; nothing when all is well.
import type { ForecastNote } from "../core/contract";
import { showMoment } from "../core/time";
import { noteText, t } from "../core/words";

export function Notes({ notes, zone }: { notes: ForecastNote[] | undefined; zone: string }) {
  if (!notes?.length) return null;
  return (
    <section class="notes" role="status" aria-label={t("notes")} data-testid="notes">
      <ul>{notes.map((note) => <li key={note.code} data-code={note.code} title={note.text}>{noteText(note.code) ?? note.text}{note.since && <span class="muted"> {t("noteSince", { time: showMoment(Date.parse(note.since), zone) })}</span>}</li>)}</ul>
    </section>
  );
}
