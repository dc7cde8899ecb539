// The door: an API key in, a session cookie out. Shown at first and whenever the server says 401.
import { useState } from "preact/hooks";
import { logIn, Problem } from "../core/http";
import { t } from "../core/words";
import { Preferences } from "../parts/preferences";
import { Brand } from "../parts/icons";
import { problemText } from "../parts/states";

export function Login() {
  const [key, setKey] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try { await logIn(key.trim()); } catch (problem) {
      setError(problem instanceof Problem ? (problem.status === 401 || problem.status === 403 ? t("keyRefused") : problemText(problem)) : String(problem));
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form class="panel" onSubmit={(event) => void submit(event)}>
        <p class="login-brand"><Brand />Chergui</p>
        <h1>{t("logInTitle")}</h1>
        <label>{t("keyLabel")}<input type="password" name="key" required autoComplete="current-password" dir="ltr" value={key} onInput={(event) => setKey(event.currentTarget.value)} autoFocus /></label>
        <p class="muted small">{t("keyHelp")}</p>
        {error && <p class="refused" role="alert">{error}</p>}
        <button type="submit" class="button primary" disabled={busy || !key.trim()}>{busy ? t("checking") : t("logInButton")}</button>
      </form>
      <Preferences />
    </main>
  );
}
