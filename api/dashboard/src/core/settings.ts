// What a person chose and this browser remembers: language, theme, time zone of the axes. Applies language and theme to the document.
import { computed, effect, signal } from "@preact/signals";

export type Language = "en" | "fr" | "ar";
export type Theme = "auto" | "light" | "dark";
export type ZoneChoice = "utc" | "site";

function remembered<T extends string>(name: string, allowed: readonly T[], otherwise: T) {
  const found = localStorage.getItem(`chergui.${name}`) as T | null;
  const chosen = signal<T>(found && allowed.includes(found) ? found : otherwise);
  effect(() => localStorage.setItem(`chergui.${name}`, chosen.value));
  return chosen;
}

export const LANGUAGES: readonly Language[] = ["en", "fr", "ar"];

const preferred = LANGUAGES.find((language) => navigator.language.startsWith(language)) ?? "en";
export const language = remembered<Language>("language", LANGUAGES, preferred);
export const theme = remembered<Theme>("theme", ["auto", "light", "dark"], "auto");
export const zoneChoice = remembered<ZoneChoice>("zone", ["utc", "site"], "site");

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener("change", (event) => { systemIsDark.value = event.matches; });

export const dark = computed(() => theme.value === "dark" || (theme.value === "auto" && systemIsDark.value));
export const rightToLeft = computed(() => language.value === "ar");

effect(() => { document.documentElement.dataset["theme"] = dark.value ? "dark" : "light"; });
effect(() => {
  document.documentElement.lang = language.value;
  document.documentElement.dir = rightToLeft.value ? "rtl" : "ltr";
});
