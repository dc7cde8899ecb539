// Walks one gearbox incident through real Chromium, from raised to resolved: found in the inbox by what is wrong, its evidence read and compared
// with the API, planned, acknowledged, assigned, talked about, resolved with an outcome, and found again in the history.
// Works against the real server on the demo and against the mock; the alert is found by its words, never by its id.
//   BASE_URL=http://127.0.0.1:8080 KEY=… [SCREENSHOT_DIR=shots] [PATIENCE_MS=60000] [FIND_MS=240000] node incident.mjs
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { drive, readNumber, sameNumber } from "./driver.mjs";

const FIND_MS = Number(process.env.FIND_MS ?? 240_000);
const { base, key, page, complaints, isMock, patience, step, shot, open, colours, theme, ask, finish } = await drive();

/** The newest evidence the page was told: it asks again while the incident lasts. */
let told;
page.on("response", (answer) => {
  if (/\/alerts\/[^/]+\/evidence/.test(answer.url()) && answer.ok()) void answer.json().then((body) => { told = body; }, () => undefined);
});

/** Waits until what is asked holds; in a fast demo a figure and the page that shows it move on together. */
async function eventually(what, holds) {
  const until = Date.now() + patience;
  for (let last = ""; ; await page.waitForTimeout(200)) {
    try { if (await holds()) return; last = ""; } catch (error) { last = String(error.message ?? error); }
    assert.ok(Date.now() < until, `${what} ${last}`);
  }
}

let id;
let path;
const pane = () => page.locator(`[data-testid=alert-pane][data-alert='${id}']`);
const inside = (name) => pane().locator(`[data-testid=${name}]`);
const inHistory = (kind, words = "") => inside("history").locator(`li[data-kind='${kind}']:not(.is-pending)`, words ? { hasText: words } : {}).first().waitFor();
const alert = async () => (await ask(path)).body;
const submit = () => page.locator("[data-testid=submit-action]").click();
const factorOf = { kWh: 1, MWh: 1e-3, GWh: 1e-6 };

await step("the inbox finds the gearbox incident by what is wrong", async () => {
  await page.goto(`${base}/#key=${encodeURIComponent(key)}`);
  await page.locator("nav a[href='#/alerts']").click();
  await page.locator(".inbox input[type=search]").fill("gearbox bearing overheating");
  const row = page.locator(".alert-row[data-state=open]").first();
  await row.waitFor({ timeout: FIND_MS });
  id = await row.getAttribute("data-alert");
  path = `alerts/${encodeURIComponent(id)}`;
  await row.locator("a").click();
  await pane().waitFor();
  assert.match(await inside("mode").innerText(), /bearing overheating/);
  assert.ok(page.url().endsWith(`#/alerts/${encodeURIComponent(id)}`), page.url());
  assert.equal((await alert()).state, "open");
  return (await pane().locator("h2").innerText()).replace(/\s+/g, " ");
});

await step("measured stands against expected, with the neighbours, as the API says", async () => {
  const box = inside("evidence");
  await box.locator(".evidence-signal canvas").first().waitFor({ timeout: FIND_MS });
  await eventually("the page has asked for evidence", () => told?.signals.length > 0);
  const { distinct, painted, all } = await colours(box.locator(".evidence-signal canvas").first());
  assert.ok(painted > all * 0.01 && distinct > 8, `painted ${painted} of ${all}, ${distinct} colours`);
  const name = await box.locator(".evidence-signal").first().getAttribute("data-signal");
  await eventually("the readout is the last measurement", async () => {
    const signal = told.signals.find((one) => one.signal === name);
    const at = signal.observed.findLastIndex((value) => value !== null);
    const shown = (which) => box.locator(".evidence-signal").first().locator(`[data-value=${which}]`).innerText();
    return sameNumber(await shown("observed"), signal.observed[at]) && (signal.expected[at] === null || sameNumber(await shown("expected"), signal.expected[at]));
  });
  const signal = told.signals.find((one) => one.signal === name);
  assert.equal(await box.locator(".evidence-signal").count(), told.signals.length);
  const [from, to] = [Date.parse(told.from), Date.parse(told.to)];
  assert.ok(from < to && told.incidents.length > 0 && told.incidents.some((one) => Date.parse(one.opened_at) <= to), JSON.stringify(told.incidents));
  for (const peer of signal.neighbours) assert.equal(peer.values.length, signal.times.length, peer.asset_id);
  if (signal.neighbours.length) assert.equal(await box.locator(".key-neighbour").count() > 0, true);
  await box.locator(".evidence-signal .plot").first().focus();
  const clock = box.locator(".evidence-signal .readout dd").first();
  const before = await clock.innerText();
  await page.keyboard.press("Shift+ArrowLeft");
  await eventually("the arrow keys read other values", async () => (await clock.innerText()) !== before);
  await box.locator(".evidence-signal summary").first().click();
  await box.locator(".evidence-signal details tbody tr").nth(1).waitFor();
  await box.locator(".evidence-signal summary").first().click();
  await page.evaluate(() => document.activeElement.blur());
  await shot("incident-evidence");
  return `${told.signals.length} signals, ${signal.neighbours.length} neighbours`;
});

await step("each signal's share of the verdict is shown", async () => {
  const rows = inside("contributions").locator("tbody tr");
  await rows.first().waitFor();
  const parts = [...(told.evidence.length ? told.evidence : (await alert()).evidence)].sort((a, b) => b.share - a.share);
  assert.equal(await rows.count(), parts.length);
  let sum = 0;
  for (const [i, part] of parts.entries()) {
    assert.equal(await rows.nth(i).getAttribute("data-signal"), part.signal);
    const shown = await rows.nth(i).locator("[data-share]").innerText();
    assert.ok(sameNumber(shown.replace("%", ""), part.share * 100), `${part.signal}: ${shown}, the API ${part.share}`);
    sum += part.share;
  }
  assert.ok(sum > 0.5 && sum < 1.01, `the shares sum to ${sum}`);
  assert.ok(parts.some((part) => part.quantity.startsWith("gearbox")), "no signal of the gearbox spoke");
  return parts.map((part) => `${part.signal} ${Math.round(part.share * 100)}%`).join(", ");
});

await step("where it leads is told as a band, never as one number", async () => {
  const { outlook } = told;
  if (!(await alert()).incident_open) { assert.ok(!isMock); return "the incident is over"; }
  await inside("trend").waitFor();
  if (!outlook) {
    assert.ok(!isMock, "the mock's gearbox has an outlook");
    assert.match(await inside("trend").innerText(), /Nothing moves towards a limit/);
    return "nothing moves towards a limit now";
  }
  const at = [outlook.earliest, outlook.median, outlook.latest].map((time) => (time === null ? Infinity : Date.parse(time)));
  assert.ok(at[0] <= at[1] && at[1] <= at[2], JSON.stringify(outlook));
  const reached = outlook.level >= outlook.limit;
  const figures = (await inside("trend").locator("p").first().innerText()).match(/\d[\d,]*(\.\d+)?/g) ?? [];
  for (const one of ["level", "limit"]) assert.ok(figures.some((text) => sameNumber(text, outlook[one])), `${one} ${outlook[one]} is not among ${figures}`);
  if (reached) return "the limit is reached";
  for (const when of ["earliest", "median", "latest"]) assert.match(await inside("trend").locator(`[data-when=${when}] dd`).first().innerText(), /\d/);
  const { painted, all } = await colours(inside("trend").locator("canvas"));
  assert.ok(painted > all * 0.01, `painted ${painted} of ${all}`);
  return `${outlook.quantity} at ${outlook.level}, limit ${outlook.limit}`;
});

await step("what it costs and what to do are told", async () => {
  const { energy_lost_kwh, money, playbook, advice } = await alert();
  const loss = (await inside("loss").locator(".figure").first().innerText()).replace(/\s+/g, " ");
  await eventually(`the loss is what the API says, ${loss}`, async () => {
    const text = await inside("loss").locator(".figure").first().innerText();
    return sameNumber(text, (await alert()).energy_lost_kwh * factorOf[/[kMG]Wh/.exec(text)[0]]);
  });
  assert.ok(Number.isFinite(energy_lost_kwh));
  if (money) await eventually("money is told", async () => sameNumber(await inside("money").locator(".figure").first().innerText(), (await alert()).money.lost));
  assert.match(await inside("action").innerText(), new RegExp(advice.en.slice(0, 20).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  const steps = inside("playbook").locator("li");
  assert.equal(await steps.count(), playbook.steps.length);
  assert.ok(playbook.steps.length > 0, "a gearbox has steps");
  for (const [i, one] of playbook.steps.entries()) assert.equal((await steps.nth(i).innerText()).trim(), one.en.trim());
  assert.match(await inside("action").innerText(), new RegExp(`${playbook.hours} h`));
  return `${loss}, ${playbook.steps.length} steps`;
});

await step("the controller's log lines are under it, where there are any", async () => {
  if (!told.log?.lines) { assert.ok(!isMock); return "none"; }
  await inside("log-more").click();
  await inside("log").locator("tbody tr").first().waitFor();
  const first = await inside("log").locator("tbody tr").count();
  if (first < told.log.lines) {
    await inside("log-more").click();
    await eventually("a second page of lines", async () => (await inside("log").locator("tbody tr").count()) > first);
  }
  return `${told.log.lines} lines in ${told.log.episodes} episodes`;
});

await step("acknowledging changes the state and the history", async () => {
  await pane().locator("[data-action=acknowledge]").click();
  await inHistory("acknowledged");
  await pane().locator(".pane-badges .state[data-state=acknowledged]").waitFor();
});

await step("assigning names the crew", async () => {
  await pane().locator("[data-action=assign]").click();
  await page.locator("input[name=assignee]").fill("Crew North");
  await submit();
  await inHistory("assigned");
  await pane().locator(".pane-badges .state[data-state=assigned]").waitFor();
  assert.equal(await inside("assignee").innerText(), "Crew North");
});

await step("a comment is kept in the history", async () => {
  await pane().locator("[data-action=comment]").click();
  await page.locator("textarea[name=words]").fill("Oil sample taken, metal on the magnet.");
  await submit();
  await inHistory("commented", "metal on the magnet");
});

await step("the plan says when to go, or why not, and what it saves", async () => {
  await page.locator("nav a[href='#/plan']").click();
  const body = page.locator("[data-testid=plan-body]");
  await body.waitFor({ timeout: FIND_MS });
  await page.locator("[data-testid=plan-saving] .saving-figure .figure").waitFor();
  assert.match(await page.locator("[data-testid=plan-saving] .saving-figure").innerText(), /\d/);
  const mine = body.locator(`a[href='#/alerts/${encodeURIComponent(id)}']`);
  await mine.first().waitFor();
  await shot("plan-light", true);
  const before = await body.getAttribute("data-asked");
  await page.locator("[data-testid=plan-form] input[name=wind_limit]").fill("4");
  await page.locator("[data-testid=change-crews]").click();
  await page.locator("[data-testid=plan-form] input[name=crew]").first().fill("Crew Atlas");
  await page.locator("[data-testid=plan-again]").click();
  await page.waitForFunction((old) => { const now = document.querySelector("[data-testid=plan-body]")?.dataset.asked; return now && now !== old; }, before, { timeout: FIND_MS });
  const gone = page.locator("[data-testid=plan-visits]");
  if (await gone.count()) {
    const winds = (await gone.locator(".visit-facts div:nth-child(3) .figure").allInnerTexts()).map((text) => readNumber(text).value);
    assert.ok(winds.every((wind) => wind <= 4.05), `wind of ${winds}`);
  }
  await page.locator("[data-testid=plan-form] input[name=wind_limit]").fill("40");
  await page.locator("[data-testid=plan-again]").click();
  await page.waitForFunction(() => document.querySelector("[data-testid=plan-body]")?.dataset.asked === "2", undefined, { timeout: FIND_MS });
  if (await page.locator("[data-testid=plan-ics]").isDisabled()) { assert.ok(!isMock); return "no visit within the week"; }
  assert.match(await page.locator("[data-testid=plan-visits]").innerText(), /Crew Atlas|Crew/);
  const [file] = await Promise.all([page.waitForEvent("download", { timeout: FIND_MS }), page.locator("[data-testid=plan-ics]").click()]);
  const text = await readFile(await file.path(), "utf8");
  assert.ok(text.startsWith("BEGIN:VCALENDAR") && text.includes("BEGIN:VEVENT"), text.slice(0, 200));
  return `${text.split("BEGIN:VEVENT").length - 1} visits in ${file.suggestedFilename()}`;
});

await step("resolving closes it with its outcome and reason", async () => {
  await open(`#/alerts/${encodeURIComponent(id)}`);
  await pane().waitFor();
  await pane().locator("[data-action=resolve]").click();
  await page.locator("input[name=outcome][value=fixed]").check();
  await page.locator("textarea[name=words]").fill("Bearing changed, oil flushed.");
  await submit();
  await inHistory("resolved", "Bearing changed");
  await pane().locator(".pane-badges .state[data-state=resolved]").waitFor();
  for (const action of ["acknowledge", "assign", "resolve", "shelve"]) assert.equal(await pane().locator(`[data-action=${action}]`).count(), 0, `a closed alert offers ${action}`);
  await page.locator("[data-tab=closed]").click();
  await page.locator(`.alert-row[data-alert='${id}'][data-state=resolved]`).waitFor();
  await shot("incident-resolved");
});

await step("after a new start of the page the history tells it all, in order", async () => {
  await page.reload();
  await pane().waitFor();
  await inHistory("resolved", "Bearing changed");
  const wanted = ["opened", "acknowledged", "assigned", "commented", "resolved"];
  const kinds = () => inside("history").locator("li").evaluateAll((all) => all.map((one) => one.dataset.kind).reverse());
  await eventually("page and API tell the same history", async () => { assert.deepEqual(await kinds(), (await alert()).events.map((event) => event.kind)); return true; });
  const shown = await kinds();
  assert.deepEqual(shown.filter((kind) => wanted.includes(kind)), wanted);
  assert.equal((await alert()).state, "resolved");
  return shown.join(", ");
});

await step("dark, French, Arabic and the phone, without sideways scrolling", async () => {
  const looks = [["dark", "en", 1600], ["light", "fr", 1600], ["light", "ar", 1600], ["light", "fr", 390], ["dark", "ar", 390]];
  for (const [colour, language, width] of looks) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
    await theme(colour);
    await page.locator("[data-testid=language]").selectOption(language);
    for (const [hash, name] of [[`#/alerts/${encodeURIComponent(id)}`, "incident"], ["#/plan", "plan"]]) {
      await open(hash);
      await (name === "plan" ? page.locator("[data-testid=plan-body], .plan .empty").first() : inside("evidence").locator("canvas").first()).waitFor({ timeout: FIND_MS });
      await eventually(`${name} in ${language} at ${width} fits`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      assert.equal(await page.locator("html").getAttribute("dir"), language === "ar" ? "rtl" : "ltr");
      await shot(`${name}-${colour}-${language}-${width}`, width === 390);
    }
  }
});

await step("no console error, no request to another origin", async () => { assert.deepEqual(complaints, []); });

await finish();
