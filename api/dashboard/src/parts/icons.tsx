// Icons as inline SVG in the colour of the text: kinds of assets, severities and phases (each its own shape, so that colour is never the only sign), controls.
import type { JSX } from "preact";
import type { Phase, Severity } from "../core/contract";

const line = (paths: JSX.Element) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{paths}</svg>
);

const KINDS: Record<string, JSX.Element> = {
  wind: <><circle cx="12" cy="9" r="1.4" /><path d="M12 10.4 11.2 22h1.6L12 10.4M12 7.6V1.5M13.2 9.7l5.4 3.1M10.8 9.7l-5.4 3.1" /></>,
  solar: <><path d="M5 8h14l2.5 10h-19zM12 8v10M3.8 13h16.4M8.4 8 7 18M15.6 8 17 18M12 18v3.5M8.5 21.5h7M12 2v2.5M6.5 3.2l1 1.8M17.5 3.2l-1 1.8" /></>,
  load: <><path d="M3 21h18M5 21V9l6-3.5V21M11 10h8v11M8 12v.01M8 16v.01M14.2 13.5v.01M14.2 17v.01M16.8 13.5v.01M16.8 17v.01" /></>,
  grid: <><circle cx="9" cy="12" r="5.5" /><circle cx="15" cy="12" r="5.5" /><path d="M1 12h2.5M20.5 12H23" /></>,
  weather: <><path d="M7 18a4 4 0 0 1-.5-8A5.5 5.5 0 0 1 17 9.5a4.2 4.2 0 0 1 0 8.5z" /></>,
  meter: <><circle cx="12" cy="12" r="8.5" /><path d="m12 12 3.5-4M7 15h10" /></>,
};
const FAMILY: Record<string, string> = {
  wind_turbine: "wind", wind_plant: "wind", pv_inverter: "solar", pv_tracker: "solar", pv_plant: "solar", region: "load", transformer: "grid", bus: "grid", weather_station: "weather", meter: "meter",
};
export const familyOf = (kind: string) => FAMILY[kind] ?? "meter";
export const KindIcon = ({ kind }: { kind: string }) => line(KINDS[FAMILY[kind] ?? kind] ?? KINDS["meter"]!);

export function SeverityMark({ severity, label }: { severity: Severity; label?: string }) {
  return (
    <svg class={`mark mark-${severity}`} viewBox="0 0 16 16" {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" as const })}>
      {severity === "critical" ? <path d="M8 .6 15.4 8 8 15.4.6 8z" /> : severity === "warning" ? <path d="M8 1.6 15.4 14.6H.6z" /> : <circle cx="8" cy="8" r="6.2" />}
    </svg>
  );
}

const PHASES: Record<Phase | "silent", JSX.Element> = {
  live: <circle cx="8" cy="8" r="6.2" fill="currentColor" stroke="none" />,
  silent: <path d="M8 1.6 15.4 14.6H.6z" fill="currentColor" stroke="none" />,
  waiting: <path d="M8 1.6 15.4 14.6H.6z" fill="currentColor" stroke="none" />,
  stopped: <path d="M8 .6 15.4 8 8 15.4.6 8z" fill="currentColor" stroke="none" />,
  connecting: <circle cx="8" cy="8" r="5.8" stroke-dasharray="4.2 4.9" />,
  backfilling: <path d="M8 1.5v12m-5-5 5 5 5-5" />,
  idle: <circle cx="8" cy="8" r="5.8" />,
  closed: <path d="M2.5 2.5h11v11h-11z" />,
};
export const PhaseMark = ({ phase }: { phase: Phase | "silent" }) => (
  <svg class="mark" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round">{PHASES[phase] ?? PHASES.idle}</svg>
);

export const Sun = () => line(<><circle cx="12" cy="12" r="4" /><path d="M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1 1M17.4 17.4l1 1M18.4 5.6l-1 1M6.6 17.4l-1 1" /></>);
export const Moon = () => line(<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z" />);
export const HalfDisc = () => line(<><circle cx="12" cy="12" r="8.5" /><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17z" fill="currentColor" /></>);
export const Leave = () => line(<path d="M14 4H6v16h8M10.5 12H21m-3.5-3.5L21 12l-3.5 3.5" />);
export const Left = () => line(<path d="m14.5 5-7 7 7 7" />);
export const Right = () => line(<path d="m9.5 5 7 7-7 7" />);
export const Down = () => line(<path d="M12 4v12m-5-5 5 5 5-5M5 20h14" />);
export const Brand = () => (
  <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2.8" stroke-linecap="round"><path d="M4 12h16a4.2 4.2 0 1 0-4.2-4.2" class="brand-wind" /><path d="M8 17.5h17a4.2 4.2 0 1 1-4.2 4.2M4 23h10" /></svg>
);
