// Civil time for people: formatting, offsets and ages in the language and zone they chose. Everything else in the house is UTC.
// Browsers carry old zone tables for years, so the one change this product must not get wrong is written down here.
import { computed, signal } from "@preact/signals";
import { apart, locale, showNumber, showSigned, t, type Word } from "./words";
import { zoneChoice } from "./settings";

/** Morocco left UTC+01:00 for good on 2026-09-20 at 02:00 local time (tzdb 2026c and later). */
const MOROCCO = new Set(["Africa/Casablanca", "Africa/El_Aaiun"]);
const MOROCCO_AT_UTC_SINCE = Date.UTC(2026, 8, 20, 1);

/** The zone name to give to Intl so that the wall clock at `ms` is right even with an old zone table. */
function zoneFor(zone: string, ms: number): string {
  return MOROCCO.has(zone) && ms >= MOROCCO_AT_UTC_SINCE ? "UTC" : zone;
}

/** The zone shown for an asset: its own, or UTC when the person asked for it. */
export function shownZone(siteZone: string | undefined): string {
  return zoneChoice.value === "utc" || !siteZone ? "UTC" : siteZone;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(ms: number, zone: string, name: string, options: Intl.DateTimeFormatOptions): string {
  const timeZone = zoneFor(zone, ms);
  const key = `${locale.value}|${timeZone}|${name}`;
  let made = formats.get(key);
  if (!made) {
    try { made = new Intl.DateTimeFormat(locale.value, { timeZone, ...options }); } catch { made = new Intl.DateTimeFormat(locale.value, { timeZone: "UTC", ...options }); }
    formats.set(key, made);
  }
  return made.format(ms);
}

export const showTime = (ms: number, zone: string) => format(ms, zone, "t", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const showDay = (ms: number, zone: string) => format(ms, zone, "d", { weekday: "short", day: "numeric", month: "short" });
export const showMoment = (ms: number, zone: string) =>
  format(ms, zone, "m", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const showFull = (ms: number, zone: string) =>
  format(ms, zone, "f", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Time of day to the second, in UTC, for lines that come close together. */
export const showClock = (ms: number) => format(ms, "UTC", "c", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Minutes east of UTC. */
export function offsetMinutes(ms: number, zone: string): number {
  const timeZone = zoneFor(zone, ms);
  if (timeZone === "UTC") return 0;
  const key = `offset|${timeZone}`;
  let made = formats.get(key);
  if (!made) {
    try {
      made = new Intl.DateTimeFormat("en-GB", { timeZone, year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" });
    } catch { return 0; }
    formats.set(key, made);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of made.formatToParts(ms)) part[type] = Number(value);
  const wall = Date.UTC(part["year"] ?? 1970, (part["month"] ?? 1) - 1, part["day"] ?? 1, part["hour"] ?? 0, part["minute"] ?? 0, part["second"] ?? 0);
  return Math.round((wall - Math.floor(ms / 1000) * 1000) / 60_000);
}

export function showOffset(ms: number, zone: string): string {
  const minutes = offsetMinutes(ms, zone);
  const size = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const relative = computed(() => new Intl.RelativeTimeFormat(locale.value, { numeric: "auto", style: "short" }));
export function showAge(ms: number, now: number): string {
  const seconds = (ms - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 90) return relative.value.format(Math.round(seconds), "second");
  if (size < 5400) return relative.value.format(Math.round(seconds / 60), "minute");
  if (size < 129_600) return relative.value.format(Math.round(seconds / 3600), "hour");
  if (size < 90 * 86_400) return relative.value.format(Math.round(seconds / 86_400), "day");
  if (size < 730 * 86_400) return relative.value.format(Math.round(seconds / 2_629_800), "month");
  return relative.value.format(Math.round(seconds / 31_557_600), "year");
}

/** How long, in the unit one would say it in; `digits` are those of seconds, `signed` puts a plus before what is positive. */
export function showSpan(seconds: number, digits = 0, signed = false): string {
  const say = (word: Word, amount: number, places: number) => t(word, { n: apart((signed ? showSigned : showNumber)(amount, places)) });
  const size = Math.abs(seconds);
  if (size < 90) return say("seconds", seconds, size < 10 ? digits : 0);
  if (size < 5400) return say("minutes", seconds / 60, 0);
  if (size < 129_600) return say("hours", seconds / 3600, 0);
  return say("days", seconds / 86_400, 0);
}

/** ISO 8601 durations of the kind `PT15M`, `PT1H`, `P1D` in milliseconds; `undefined` for others. */
export function durationMs(text: string | undefined): number | undefined {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text ?? "");
  if (!match) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  const total = (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1000;
  return total > 0 ? total : undefined;
}

/** The wall clock of this page, ticking; used only where the server has not said what time it is. */
export const tick = signal(Date.now());
setInterval(() => { tick.value = Date.now(); }, 1000);
