// What every walk through the dashboard shares: a real Chromium, steps that are counted, screenshots, and complaints about console errors and
// requests to other origins. BASE_URL, KEY, SCREENSHOT_DIR, CHROMIUM and PATIENCE_MS come from the environment. Not here: where a walk goes.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function drive() {
  const base = (process.env.BASE_URL ?? "http://127.0.0.1:8090").replace(/\/$/, "");
  const key = process.env.KEY ?? "demo";
  const shots = process.env.SCREENSHOT_DIR;
  const patience = Number(process.env.PATIENCE_MS ?? 20_000);
  const profile = await mkdtemp(join(tmpdir(), "chergui-browser-"));
  if (shots) await mkdir(shots, { recursive: true });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS, viewport: { width: 1600, height: 1000 }, colorScheme: "light", locale: "en-GB", timezoneId: "UTC",
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(patience);
  page.setDefaultNavigationTimeout(patience);

  const complaints = [];
  /** Refusals that are part of the conversation, as `status path`; Chromium logs every refused request. 404 of health and evidence: an asset without a fitted watch. */
  const expected = new Set(["404 /health", "404 /evidence"]);
  page.on("console", (message) => {
    const refused = [...expected].some((one) => { const [status, path] = one.split(" "); return message.text().includes(`status of ${status}`) && message.location().url.includes(path); });
    if (message.type() === "error" && !refused) complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== new URL(base).origin) complaints.push(`foreign request: ${url}`);
  });

  let passed = 0;
  let failed = 0;
  return {
    base, key, page, context, complaints, expected, patience,
    isMock: (await context.request.get(`${base}/health/live`)).headers()["x-chergui-mock"] === "1",

    async step(name, body) {
      try {
        const note = await body();
        passed += 1;
        console.log(`ok    ${name}${note ? ` (${note})` : ""}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL  ${name}\n      ${String(error.message ?? error).split("\n").slice(0, 6).join("\n      ")}`);
        if (shots) await page.screenshot({ path: join(shots, `failed-${failed}.png`) }).catch(() => undefined);
      }
    },

    async shot(name, fullPage = false) {
      if (!shots) return;
      await page.evaluate(() => document.fonts.ready);
      await page.waitForTimeout(350);
      await page.screenshot({ path: join(shots, `${name}.png`), fullPage });
    },

    async open(hash) { await page.evaluate((to) => { location.hash = to; }, hash); },

    async theme(wanted) {
      for (let i = 0; i < 3 && (await page.locator("html").getAttribute("data-theme")) !== wanted; i += 1) await page.locator("[data-testid=theme]").click();
    },

    /** How much of a canvas is painted, and in how many colours. */
    colours: (canvas) => canvas.evaluate((element) => {
      const { data } = element.getContext("2d").getImageData(0, 0, element.width, element.height);
      const seen = new Map();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) { const key = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2]; seen.set(key, (seen.get(key) ?? 0) + 1); }
      return { distinct: seen.size, painted: [...seen.values()].reduce((a, b) => a + b, 0), all: element.width * element.height };
    }),

    /** What the API answers to this page's session. */
    ask: (path) => page.evaluate(async (what) => { const answer = await fetch(`/api/v1/${what}`, { headers: { accept: "application/json" } }); return { status: answer.status, body: await answer.json() }; }, path),

    async finish() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
      console.log(`${passed} passed, ${failed} failed`);
      process.exit(failed ? 1 : 0);
    },
  };
}

/** A shown number, and half a unit of its last digit. */
export const readNumber = (text) => {
  const digits = text.replace(/[\u2066-\u2069\s,]/g, "").replace("−", "-").replace("+", "").replace(/^[^\d-]+/, "");
  return { value: Number.parseFloat(digits), near: 0.501 * 10 ** -(/\.(\d+)/.exec(digits)?.[1].length ?? 0) };
};

export const sameNumber = (text, expected) => {
  const { value, near } = readNumber(text);
  return Math.abs(value - expected) <= near + 1e-9;
};
