// Words and numbers in the chosen language: dictionary look-up, number formats, names of quantities, components and states.
import { computed } from "@preact/signals";
import type { LocalText } from "./contract";
import { ar } from "../i18n/ar";
import { en } from "../i18n/en";
import type { Dictionary } from "../i18n/en";
import { fr } from "../i18n/fr";
import { language } from "./settings";

const DICTIONARIES: Record<"en" | "fr" | "ar", Dictionary> = { en, fr, ar };
const LOCALES = { en: "en-GB", fr: "fr-FR", ar: "ar-MA-u-nu-latn" } as const;

export const locale = computed(() => LOCALES[language.value]);
const words = computed(() => DICTIONARIES[language.value]);

export type Word = keyof Dictionary["text"];

/** A sentence of the dictionary, with `{name}` places filled. */
export function t(word: Word, places: Record<string, string | number> = {}): string {
  return words.value.text[word].replace(/\{(\w+)\}/g, (_, name: string) => String(places[name] ?? ""));
}

const prettify = (name: string) => {
  const spaced = name.replaceAll("_", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};
const named = (table: Record<string, string>, name: string) => table[name] ?? prettify(name);

export const quantityName = (name: string) => named(words.value.quantities, name);
export const kindName = (name: string) => named(words.value.kinds, name);
export const componentName = (name: string) => named(words.value.components, name);
export const modeName = (name: string) => named(words.value.modes, name);
export const stateName = (name: string) => named(words.value.states, name);
/** Where a connection stands. */
export const phaseName = (name: string) => named(words.value.phases, name);
export const severityName = (name: string) => named(words.value.severities, name);
export const eventName = (name: string) => named(words.value.events, name);
export const modelName = (name: string) => named(words.value.models, name);
/** What moves a forecast: inside a sentence, and as a heading. */
export const groupName = (name: string) => words.value.groups[name] ?? name;
export const groupHead = (name: string) => named(words.value.groupHeads, name);
/** What a note of that code means for the forecast; undefined for codes this page does not know. */
export const noteText = (code: string): string | undefined => words.value.notes[code];
export const localText = (text: LocalText) => text[language.value] || text.en;

const formats = new Map<string, Intl.NumberFormat>();
function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale.value + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) { made = new Intl.NumberFormat(locale.value, options); formats.set(key, made); }
  return made;
}

export const DASH = "–";

export function showNumber(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value).replace(/^(\u200e?)-(?=0([.,]0*)?$)/, "$1").replace("-", "−");
}

/** A figure set apart from the direction of the text around it, for sentences. */
export const apart = (figure: string) => `\u2066${figure}\u2069`;

/** A number with its sign. */
export const showSigned = (value: number | null | undefined, digits = 1) => `${(value ?? 0) > 0 ? "+" : ""}${showNumber(value, digits)}`;

export function showPercent(share: number | null | undefined, digits = 0): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return DASH;
  return numberFormat({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
}

/** Digits that keep about three significant figures. */
export const digitsFor = (size: number) => (size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2);

/** Digits for the readings of a signal whose largest is `size`: tenths of a degree, hundredths of a megawatt, thousandths of a ratio. */
export const signalDigits = (size: number, unit: string) => (size >= 200 ? 0 : size >= 2 || size === 0 ? 1 : unit === "" ? 3 : 2);

export interface Scaled { unit: string; factor: number }
/** The unit people read for a stored unit: kW becomes MW or GW when the numbers are large, likewise kWh. */
export function readable(unit: string, largest: number): Scaled {
  const size = Math.abs(largest);
  for (const [stored, steps] of [["kW", ["kW", "MW", "GW"]], ["kvar", ["kvar", "Mvar", "Gvar"]], ["kWh", ["kWh", "MWh", "GWh"]]] as const) {
    if (unit !== stored) continue;
    if (size >= 1e7) return { unit: steps[2], factor: 1e-6 };
    if (size >= 1e3) return { unit: steps[1], factor: 1e-3 };
    return { unit, factor: 1 };
  }
  if (unit === "Pa") return { unit: "hPa", factor: 0.01 };
  const signs: Record<string, string> = { degC: "°C", deg: "°", "W/m2": "W/m²", "1": "", code: "" };
  return { unit: signs[unit] ?? unit, factor: 1 };
}

/** An amount of money in whole units of its currency. */
export function showMoney(amount: number | null | undefined, currency: string): string {
  if (amount === null || amount === undefined || !Number.isFinite(amount)) return DASH;
  try { return numberFormat({ style: "currency", currency, maximumFractionDigits: 0 }).format(amount).replace("-", "−"); } catch { return `${showNumber(amount, 0)} ${currency}`; }
}

/** The name of a signal: its quantity, and the remark the detector put behind it. */
export function signalName(signal: string, quantity: string): string {
  const remark = signal === quantity ? "" : (signal.startsWith(quantity) ? signal.slice(quantity.length) : signal).replaceAll("_", " ").trim();
  return remark ? `${quantityName(quantity)} · ${remark}` : quantityName(quantity);
}

export function showEnergy(kwh: number | null | undefined): string {
  if (kwh === null || kwh === undefined) return DASH;
  const { unit, factor } = readable("kWh", kwh);
  return `${showNumber(kwh * factor, digitsFor(Math.abs(kwh * factor)))} ${unit}`;
}
