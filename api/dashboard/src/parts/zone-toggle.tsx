// The switch between UTC and the site's civil time; remembered, and shared by all charts.
import { zoneChoice } from "../core/settings";
import { t } from "../core/words";

export const ZoneToggle = () => (
  <span class="joined" role="group" aria-label={t("zone")}>
    {(["utc", "site"] as const).map((choice) => (
      <button key={choice} type="button" class={`button ${zoneChoice.value === choice ? "is-on" : ""}`} aria-pressed={zoneChoice.value === choice} onClick={() => { zoneChoice.value = choice; }}>
        {choice === "utc" ? t("zoneUtc") : t("zoneSite")}
      </button>
    ))}
  </span>
);
