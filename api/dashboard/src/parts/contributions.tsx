// Which signals spoke and how loudly: a bar of each one's share in the verdict, what it showed and what was expected.
import type { EvidencePart } from "../core/contract";
import { readable, showNumber, showPercent, showSigned, signalDigits, signalName, t } from "../core/words";
import { Figure } from "./states";

export function Contributions({ parts }: { parts: EvidencePart[] }) {
  const sorted = [...parts].sort((a, b) => b.share - a.share);
  return (
    <table class="shares" data-testid="contributions">
      <caption class="visually-hidden">{t("contributions")}</caption>
      <thead><tr><th scope="col">{t("contributions")}</th><th scope="col" class="num">{t("observed")}</th><th scope="col" class="num">{t("expected")}</th><th scope="col" class="num">{t("difference")}</th></tr></thead>
      <tbody>
        {sorted.map((part) => {
          const { unit, factor } = readable(part.unit, Math.max(Math.abs(part.observed ?? 0), Math.abs(part.expected ?? 0)));
          const digits = signalDigits(Math.max(Math.abs(part.observed ?? 0), Math.abs(part.expected ?? 0)) * factor, unit);
          const shown = (value: number | null) => <Figure value={showNumber(value === null ? null : value * factor, digits)} {...(value === null ? {} : { unit })} />;
          const away = part.observed === null || part.expected === null ? null : (part.observed - part.expected) * factor;
          return (
            <tr key={part.signal} data-signal={part.signal}>
              <th scope="row">
                <span class="share-name">{signalName(part.signal, part.quantity)} <bdi class="share-figure" data-share={part.share}>{showPercent(part.share)}</bdi></span>
                <svg class="share-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="share-track" width="100" height="6" /><rect class="share-part" width={100 * Math.max(0, Math.min(1, part.share))} height="6" /></svg>
              </th>
              <td class="num">{shown(part.observed)}</td>
              <td class="num">{shown(part.expected)}</td>
              <td class="num strong">{away === null ? showNumber(null) : <Figure value={showSigned(away, digits)} unit={unit} />}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
