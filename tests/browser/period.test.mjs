// Weeks, months and the calendar in a real browser: opening days, phone, keyboard, paper, exports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { day, daysAgo } from "./fleet.mjs";
import { browser, Serve, until, Visitor } from "./world.mjs";

let serve;
let running;

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

before(async () => {
  // An alert would refresh the page in the middle of a test.
  const rule = ["--alert", '{"rule":"rejects","above":99}'];
  [serve, running] = await Promise.all([Serve.start(...rule), browser()]);
  for (let ago = 1; ago <= 33; ago += 1) {
    // Two days are lost, and one is silent at a second server.
    if (ago === 3 || ago === 4) continue;
    const skip = (minute) => ago === 5 && minute > 600 && minute < 900;
    await serve.deliver("web01", daysAgo(ago), day(daysAgo(ago), { up: 100_000 - ago * 1440, skip }));
  }
  await serve.deliver("db01", daysAgo(2), day(daysAgo(2), { metadata: "note=%E6%9C%AC%E7%95%AADB" }));
});

after(async () => {
  await running?.close();
  await serve?.stop();
});

const inside = (body, options) => Visitor.during(running, serve, body, options);

/** The chart's picture, drawn and with its values. */
async function picture(page) {
  const image = page.locator("figure.chart img").first();
  await until("the chart to be drawn", () => image.evaluate((img) => img.naturalWidth > 0));
  await until("its values", () => page.locator("figure.chart[data-days]").count());
  return image.boundingBox();
}

/** Where on the picture a share of the plots is: they are from 62 to 1022 of 1096 pixels. */
const along = (box, share) => box.x + (box.width * (62 + 960 * share)) / 1096;

test("a week shows its samples, and a click opens the day around that time", () =>
  inside(async (page, visitor) => {
    await visitor.visit("/ui/s/web01?view=week");
    const box = await picture(page);
    await visitor.shoot("week");
    const [x, y] = [along(box, (5 + 0.5) / 7), box.y + box.height * 0.2];
    await page.mouse.move(x, y);
    const shown = page.locator(".chart-box").first();
    await until("the values", async () => (await shown.textContent()).includes(daysAgo(1)));
    assert.match(await shown.textContent(), / 1[12]:\d0/);
    // In a lost day there is nothing to read off.
    await page.mouse.move(along(box, 2.5 / 7), y);
    await until("the reason", async () => (await shown.textContent()).includes("missing although it ran"));
    assert.ok((await shown.textContent()).includes(`${daysAgo(4)} (`));
    await page.mouse.click(x, y);
    await page.waitForURL(new RegExp(`/ui/s/web01/${daysAgo(1)}\\?from=10(:|%3A)[03]0&till=14`));
    await page.goBack();
    await picture(page);
    const chart = page.locator("figure.chart");
    await chart.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`/ui/s/web01/${daysAgo(1)}\\?from=20(:|%3A)00&till=24`));
  }));

test("a click on a bar of the month opens its day, and the marks are those of the chart", () =>
  inside(async (page, visitor) => {
    await visitor.visit(`/ui/s/web01?to=${daysAgo(1)}`);
    const box = await picture(page);
    const days = Number((await page.locator("table.days tbody tr").count()));
    const [x, y] = [along(box, (days - 1.5) / days), box.y + box.height * 0.25];
    await page.mouse.move(x, y);
    await until("the marks", () => page.locator(".chart-box .chart-mark-whisker").count());
    const mean = page.locator(".chart-box .chart-mark-mean");
    assert.match(await mean.evaluate((mark) => getComputedStyle(mark).backgroundColor), /86, 180, 233/);
    await visitor.shoot("month-values");
    await page.mouse.click(x, y);
    await page.waitForURL(`**/ui/s/web01/${daysAgo(2)}`);
  }));

test("without JavaScript a week is whole, and its table leads to the days", () =>
  inside(
    async (page, visitor) => {
      await visitor.visit("/ui/s/web01?view=week");
      await page.locator(`table.days a[href$="${daysAgo(1)}"]`).click();
      await page.waitForURL(`**/ui/s/web01/${daysAgo(1)}`);
    },
    { javaScriptEnabled: false },
  ));

test("a month and the calendar are downloaded as CSV", () =>
  inside(async (page, visitor) => {
    for (const [place, rows] of [[`/ui/s/web01?to=${daysAgo(1)}`, 27], [`/ui/?to=${daysAgo(1)}&days=7`, 14]]) {
      await visitor.visit(place);
      const coming = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download as CSV" }).click();
      const csv = readFileSync(await (await coming).path(), "utf8").trim().split("\n");
      assert.match(csv[0], /^server,date,completeness-percent,cause,/);
      assert.ok(csv.length > rows, `${place}: ${csv.length}`);
      assert.ok(csv.some((line) => line.startsWith(`web01,${daysAgo(3)},,missing-although-running,`)));
    }
  }));

test("on a phone a chart opens at its newest part and shows that it goes on", () =>
  inside(async (page, visitor) => {
    for (const place of ["/ui/s/web01", "/ui/s/web01?view=week"]) {
      await visitor.visit(place);
      await picture(page);
      const chart = page.locator("figure.chart");
      const place_ = () => chart.evaluate((part) => [part.scrollLeft, part.scrollWidth - part.clientWidth]);
      await until("the newest days", async () => {
        const [left, most] = await place_();
        return most > 100 && most - left < 2;
      });
      const masked = () => chart.evaluate((part) => getComputedStyle(part).maskImage);
      await until("the cue", async () => (await masked()).includes("gradient"));
      assert.ok(await page.locator(".swipe").isVisible());
      // The names of the panels, which are out of sight on the drawing.
      assert.ok(await page.locator(".chart-names span", { hasText: "Memory" }).isVisible());
      assert.equal(await visitor.overhang(), 0);
      await visitor.shoot(`phone-${place.includes("week") ? "week" : "month"}`);
    }
    // A first tap reads, a second one opens.
    const box = await page.locator("figure.chart img").boundingBox();
    const [x, y] = [along(box, 5.5 / 7), box.y + 150];
    await page.touchscreen.tap(x, y);
    await page.locator(".chart-box").waitFor();
    assert.match(page.url(), /view=week/);
    await page.touchscreen.tap(x, y);
    await page.waitForURL(new RegExp(`/ui/s/web01/${daysAgo(1)}\\?from=`));
    await visitor.visit(`/ui/s/web01/${daysAgo(3)}`);
    assert.equal(await visitor.overhang(), 0);
    const buttons = await page.locator(".notice .button").all();
    const card = await page.locator(".notice").boundingBox();
    for (const button of buttons) {
      const { x: left, width } = await button.boundingBox();
      assert.ok(left + width <= card.x + card.width, "a button stays in its card");
    }
  }, PHONE));

test("on a touch screen a tap on a cell says why, and a second one opens the day", () =>
  inside(async (page) => {
    const cell = page.locator(`td a[href="s/web01/${daysAgo(3)}"]`);
    await cell.tap();
    const reason = page.locator("#reason");
    await reason.waitFor();
    assert.match(await reason.textContent(), new RegExp(`web01 ${daysAgo(3)}: ×, missing although it ran.*uptime kept growing.*Tap again`));
    assert.equal(new URL(page.url()).pathname, "/ui/");
    await cell.tap();
    await page.waitForURL(`**/ui/s/web01/${daysAgo(3)}`);
  }, PHONE));

test("the calendar is one stop of the Tab key, and rows are not cut", () =>
  inside(async (page, visitor) => {
    const stops = () => page.locator("table.cal :is(a, input)").evaluateAll((all) =>
      all.filter((one) => one.tabIndex >= 0).length);
    await until("one stop", async () => (await stops()) === 1);
    await page.locator(`td a[href="s/web01/${daysAgo(1)}"]`).focus();
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.value);
    for (let step = 0; step < 40; step += 1) await page.keyboard.press("ArrowLeft");
    assert.equal(await focused(), "web01");
    await page.keyboard.press("Space");
    assert.ok(await page.getByLabel("Compare web01").isChecked());
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "s/web01");
    await page.keyboard.press("End");
    for (let step = 0; step < 5; step += 1) await page.keyboard.press("ArrowUp");
    assert.match(await focused(), /only=missing/);
    assert.equal(await stops(), 1);
    // The reason of what has the focus is told below the table.
    await page.locator(`td a[href="s/web01/${daysAgo(4)}"]`).focus();
    assert.match(await page.locator("#reason").textContent(), /missing although it ran/);
    // The legend lists what occurs, above the table too.
    assert.match(await page.locator(".signs").textContent(), /missing although it ran/);
    assert.doesNotMatch(await page.locator("main").textContent(), /summary unreadable|allow-list/);
    const rest = await page.locator("#calendar").evaluate((box) => {
      const height = Number.parseFloat(getComputedStyle(box).maxHeight);
      const head = box.querySelector("thead").offsetHeight;
      const row = box.querySelector("tbody tr").getBoundingClientRect().height;
      return (height - 2 - head) % row;
    });
    assert.equal(rest, 0);
    await visitor.shoot("calendar-keyboard");
  }));

test("a slash goes to the search, and names are suggested by name and note", () =>
  inside(async (page, visitor) => {
    await page.locator("main").waitFor();
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.name), "q");
    await page.keyboard.type("本番");
    const offered = () => page.locator("#servers option").evaluateAll((all) => all.map((one) => one.value));
    await until("a name", async () => (await offered()).join() === "db01");
    // In a field a slash is a slash.
    await page.keyboard.type("/");
    assert.equal(await page.locator("input[name=q]").inputValue(), "本番/");
    await visitor.visit("/ui/compare");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.name), "s");
    await until("all names", async () => (await offered()).length === 2);
  }));

test("on paper there are no forms or buttons, and the newest days are on it", () =>
  inside(async (page, visitor) => {
    // The width of A4 portrait without its margins.
    await page.setViewportSize({ width: 718, height: 1000 });
    for (const [name, place] of Object.entries({
      calendar: "/ui/",
      long: "/ui/?days=92",
      month: "/ui/s/web01",
      week: "/ui/s/web01?view=week",
      day: `/ui/s/web01/${daysAgo(1)}`,
      compare: `/ui/compare?s=web01&s=db01&date=${daysAgo(2)}`,
      empty: `/ui/s/web01/${daysAgo(3)}`,
    })) {
      await page.emulateMedia({ media: "screen" });
      await visitor.visit(place);
      if (["day", "compare"].includes(name)) await page.locator("figure.live").first().waitFor();
      await page.emulateMedia({ media: "print" });
      // A legend has the names of the series, which are buttons on the screen.
      const parts = page.locator("form, button:not(.chart-legend button), .button, input, .switch");
      for (const part of await parts.all()) {
        assert.equal(await part.isVisible(), false, `${name}: ${await part.evaluate((one) => one.outerHTML)}`);
      }
      assert.equal(await visitor.overhang(), 0, name);
      const cells = page.locator("table.cal tbody tr").first().locator("td");
      if (await cells.count()) {
        const last = await cells.last().boundingBox();
        assert.ok(last.width > 3 && last.x + last.width <= 718, name);
      }
      await visitor.shoot(`print-${name}`);
      const pdf = (await page.pdf({ format: "A4" })).toString("latin1");
      assert.match(pdf, /^%PDF/);
      // The calendar turns its paper.
      const wide = [...pdf.matchAll(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/g)].some(([, w, h]) => Number(w) > Number(h));
      assert.equal(wide, ["calendar", "long"].includes(name), name);
    }
    visitor.faults = visitor.faults.filter((fault) => !/status of 404/.test(fault));
  }));
