// The time line of a plan: days beside each other, each cut to the hours anybody works, so that a morning's work is wide enough to read.
// Times go in, places between 0 and 1 come out. Not here: what is drawn there.
import { offsetMinutes } from "./time";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface CalendarDay { start: number; end: number }
export interface Calendar { days: CalendarDay[]; zone: string; hours: [number, number] }

/** Hour of the day on the wall clock of `zone`, with its fraction. */
export function hourOf(ms: number, zone: string): number {
  return ((((ms + offsetMinutes(ms, zone) * 60_000) % DAY) + DAY) % DAY) / HOUR;
}

/** The days from `from` to `to`, each from the earliest to the latest hour at which one of `spans` begins or ends. */
export function calendarOf(from: number, to: number, spans: [number, number][], zone: string): Calendar {
  const begins = spans.map(([start]) => hourOf(start, zone));
  const ends = spans.map(([, end]) => hourOf(end, zone) || 24);
  // Work that goes on through midnight needs the whole of the day.
  const nightly = spans.some(([start, end]) => end > start && (hourOf(end, zone) || 24) <= hourOf(start, zone));
  if (nightly) { begins.push(0); ends.push(24); }
  const first = Math.max(0, Math.floor(Math.min(7, ...begins, ...ends)));
  const last = Math.min(24, Math.ceil(Math.max(17, ...ends, ...begins)));
  const days: CalendarDay[] = [];
  for (let at = from - hourOf(from, zone) * HOUR; at < to && days.length < 62;) {
    const start = at + first * HOUR;
    if (at + last * HOUR > from && start < to) days.push({ start, end: at + last * HOUR });
    // Through noon of the next day, so that a change of clocks does not shift the days after it.
    const noon = at + 1.5 * DAY;
    at = noon - hourOf(noon, zone) * HOUR;
  }
  return { days, zone, hours: [first, last] };
}

/** Where an instant lies, 0 at the first hour of the first day, 1 at the last of the last; the hours cut away lie on the seam. */
export function placeOf(calendar: Calendar, ms: number): number {
  const { days } = calendar;
  for (const [i, day] of days.entries()) {
    if (ms < day.start) return i / days.length;
    if (ms <= day.end) return (i + (ms - day.start) / (day.end - day.start)) / days.length;
  }
  return 1;
}
