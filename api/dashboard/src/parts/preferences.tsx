// Language and theme, chosen in place and remembered by the browser.
import { LANGUAGES, language, theme, type Language } from "../core/settings";
import { t } from "../core/words";
import { HalfDisc, Moon, Sun } from "./icons";

const NAMES: Record<Language, string> = { en: "English", fr: "Français", ar: "العربية" };
const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;

export function Preferences() {
  const now = theme.value;
  const name = now === "auto" ? t("themeAuto") : now === "light" ? t("themeLight") : t("themeDark");
  return (
    <span class="preferences">
      <select class="quiet" aria-label={t("language")} data-testid="language" value={language.value} onChange={(event) => { language.value = event.currentTarget.value as Language; }}>
        {LANGUAGES.map((code) => <option key={code} value={code} lang={code}>{NAMES[code]}</option>)}
      </select>
      <button type="button" class="button icon-button quiet" data-testid="theme" aria-label={`${t("theme")}: ${name}`} title={name} onClick={() => { theme.value = NEXT[now]; }}>
        {now === "auto" ? <HalfDisc /> : now === "light" ? <Sun /> : <Moon />}
      </button>
    </span>
  );
}
