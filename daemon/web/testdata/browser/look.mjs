// Looks at the status page with a real Chromium, as every kind of reader, and
// prints what was seen as JSON: node look.mjs CHROMIUM URL FOLDER
// A picture of each look is left in FOLDER. POST URL/next changes the state.
import { chromium } from "playwright-core";
import { join } from "node:path";

const [executablePath, url, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });

// What a look at the page measures; it runs in the page.
const measure = () => {
  const colour = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (el) => {
    for (; el; el = el.parentElement) {
      const c = colour(getComputedStyle(el).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const el of document.querySelectorAll("body *")) {
    const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== "");
    if (!own || !el.checkVisibility() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(el.tagName)) continue;
    const [a, b] = [light(colour(getComputedStyle(el).color)), light(behind(el))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(`${el.tagName} "${el.textContent.trim().slice(0, 30)}": ${contrast.toFixed(2)}`);
  }
  return {
    lang: document.documentElement.lang,
    title: document.title,
    text: document.body.innerText,
    wide: document.scrollingElement.scrollWidth - innerWidth,
    faint,
    reloads: document.querySelector('meta[http-equiv="refresh"]') !== null,
  };
};

const seen = [];
const complaints = [];

const visit = async (name, options, then) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") complaints.push(`${name}: ${m.text()}`); });
  page.on("pageerror", (e) => complaints.push(`${name}: ${e}`));
  page.on("request", (r) => { if (!r.url().startsWith(url)) complaints.push(`${name}: asks ${r.url()}`); });
  await page.goto(url);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  seen.push({ name, ...(await page.evaluate(measure)) });
  if (then) await then(page);
  await context.close();
};

for (const locale of ["en-US", "pt-BR"]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [kind, width] of [["wide", 1280], ["phone", 390]]) {
      await visit(`${locale}-${colorScheme}-${kind}`, { locale, colorScheme, viewport: { width, height: 800 } });
    }
  }
}
await visit("no-script", { locale: "pt-BR", javaScriptEnabled: false });

// A page that stays open sees the change without being loaded again.
const open = {};
await visit("open", { locale: "en-US" }, async (page) => {
  let loads = 0;
  page.on("load", () => loads++);
  await page.evaluate(() => { document.querySelector(".scroll").scrollLeft = 40; });
  open.before = await page.title();
  await fetch(url + "/next", { method: "POST" });
  await page.waitForFunction((was) => document.title !== was, open.before, { timeout: 20000 });
  open.after = await page.title();
  open.text = await page.evaluate(() => document.querySelector("main").innerText);
  open.loads = loads;
  await fetch(url + "/silent", { method: "POST" });
  await page.waitForFunction(() => !document.getElementById("lost").hidden, null, { timeout: 20000 });
  open.kept = await page.evaluate(() => document.querySelector("main").innerText) === open.text;
});

await browser.close();
// What the browser says itself of the answer that was cut is no complaint.
console.log(JSON.stringify({ seen, open, complaints: complaints.filter((c) => !c.startsWith("open: Failed to load resource")) }));
