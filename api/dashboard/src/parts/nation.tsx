// The strip at the top of the wall: wind, solar, load and net load of everything we see, with the day behind and the day ahead.
import { families, type Family } from "../core/fleet";
import { serverNow } from "../core/live";
import { digitsFor, readable, showNumber, showPercent, t } from "../core/words";
import { Sparkline, type SparkPoint } from "../charts/sparkline";
import { KindIcon } from "./icons";
import { addUp, nextDay, outlooks } from "./outlook";
import { Figure } from "./states";

interface Lines { past: SparkPoint[]; future: SparkPoint[] }

function linesOf({ members }: Family, now: number): Lines {
  const known = members.map((asset) => outlooks.value.get(asset.id));
  if (!members.length || known.some((outlook) => !outlook)) return { past: [], future: [] };
  const all = known.flatMap((outlook) => (outlook ? [outlook] : []));
  const last = Math.max(0, ...all.map((outlook) => outlook.past[outlook.past.length - 1]?.ms ?? 0));
  return { past: addUp(all.map((outlook) => outlook.past)), future: addUp(all.map((outlook) => nextDay(outlook, Math.max(last, now - 3_600_000)))) };
}

const minus = (from: Lines, take: Lines[]): Lines => {
  const less = (points: SparkPoint[], others: SparkPoint[][]) => addUp([points, ...others.map((other) => other.map(({ ms, value }) => ({ ms, value: -value })))]);
  return { past: less(from.past, take.map((lines) => lines.past)), future: less(from.future, take.map((lines) => lines.future)) };
};

function Total({ name, colour, total, capacity, help, lines, expected, stale, now }: { name: string; colour: string; total: number | null; capacity: number | null; help: string; lines: Lines; expected: number | null; stale: boolean; now: number }) {
  const { unit, factor } = readable("kW", Math.max(Math.abs(total ?? 0), capacity ?? 0));
  const shown = (value: number | null) => (value === null ? showNumber(null) : showNumber(value * factor, digitsFor(Math.abs((total ?? 0) * factor))));
  return (
    <section class={`total ${colour} ${stale ? "is-stale" : ""}`} aria-label={name}>
      <header><span class="total-icon"><KindIcon kind={colour === "net" ? "meter" : colour} /></span><h2>{name}</h2>{stale && <span class="stale-mark">{t("stale")}</span>}</header>
      <Figure class="total-value" value={shown(total)} unit={unit} />
      <p class="total-help">{help && <span>{help}</span>}{expected !== null && <span>{t("expectedNow", { value: "" })}<Figure value={shown(expected)} unit={unit} /></span>}</p>
      <Sparkline past={lines.past} future={lines.future} now={now} colour={colour} label={`${name}: ${t("last24")}`} zero={colour !== "net" && colour !== "load"} />
    </section>
  );
}

export function Nation() {
  const now = serverNow.value;
  const { wind, solar, load } = families.value;
  const lines = { wind: linesOf(wind, now), solar: linesOf(solar, now), load: linesOf(load, now) };
  const producers = [wind, solar].filter((family) => family.members.length);
  const net = load.total === null ? null : load.total - producers.reduce((sum, family) => sum + (family.total ?? 0), 0);
  const netLines = minus(lines.load, producers.map((family) => lines[family.name as "wind" | "solar"]));
  const expected = (points: Lines) => points.future.find((point) => point.ms + 3_600_000 > now)?.value ?? null;
  const ofCapacity = ({ total, capacity }: Family) => {
    if (!capacity || total === null) return "";
    const { unit, factor } = readable("kW", capacity);
    return `${showPercent(total / capacity)} ${t("ofCapacity", { capacity: `\u2066${showNumber(capacity * factor, 0)} ${unit}\u2069` })}`;
  };
  const all = [
    { name: t("wind"), colour: "wind", family: wind, total: wind.total, help: ofCapacity(wind), lines: lines.wind },
    { name: t("solar"), colour: "solar", family: solar, total: solar.total, help: ofCapacity(solar), lines: lines.solar },
    { name: t("load"), colour: "load", family: load, total: load.total, help: "", lines: lines.load },
    { name: t("netLoad"), colour: "net", family: load, total: net, help: t("netLoadHelp"), lines: netLines },
  ].filter((entry) => entry.family.members.length);
  if (!all.length) return null;
  return (
    <div class="nation">
      {all.map(({ family, ...entry }) => <Total key={entry.name} {...entry} capacity={entry.colour === "net" ? null : family.capacity} now={now} stale={family.stale} expected={expected(entry.lines)} />)}
    </div>
  );
}
