// A day's chart in a real browser: what it does with what the page holds, without the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { day, daysAgo, line } from "./fleet.mjs";
import { browser, Serve, until, Visitor } from "./world.mjs";

const GAP = daysAgo(4);
const DENSE = daysAgo(5);
const TWICE = "2025-11-02"; // in New York 01:00 to 02:00 comes twice

let serve;
let running;

before(async () => {
  // An alert would refresh the page in the middle of a test.
  const rule = ["--alert", '{"rule":"rejects","above":99}'];
  [serve, running] = await Promise.all([Serve.start(...rule), browser()]);
  const skip = (minute) => minute > 600 && minute < 800;
  await serve.deliver("web01", GAP, day(GAP, { up: 61_440, skip }));
  await serve.deliver("db01", GAP, day(GAP));
  const head = "# log2aws/1 server=web01 cores=4 tz=Asia/Tokyo mode=interval\n";
  const minutes = Array.from({ length: 1440 }, (_, minute) => line(DENSE, minute, 60_000 + minute));
  await serve.deliver("dense01", DENSE, head + minutes.join(""));
  const clock = Array.from({ length: 150 }, (_, step) => (step < 12 ? step * 10 : step * 10 - 60));
  const lines = clock.map((minute, step) => line(TWICE, minute, 60_000 + step * 10));
  await serve.deliver("ny01", TWICE, head.replace("Asia/Tokyo", "America/New_York") + lines.join(""));
});

after(async () => {
  await running?.close();
  await serve?.stop();
});

/** A visitor who is logged in and looks at a chart that a script has taken over. */
function at(place, body, options = {}) {
  const look = async (page, visitor) => {
    await visitor.visit(place);
    await page.locator("figure.live").first().waitFor();
    await body(page, visitor);
  };
  return Visitor.during(running, serve, look, { viewport: { width: 1440, height: 900 }, ...options });
}

const DAY = `/ui/s/web01/${GAP}`;
const time = (page) => page.locator(".chart-time").first();
const value = (page, name) => page.locator(".chart-legend button", { hasText: name }).first().locator(".chart-value");

/** Where a share of the day is on the screen, in the load's plot. */
async function place(page, share) {
  const box = await page.locator(".chart-picture").first().boundingBox();
  return [box.x + 62 + (box.width - 62 - 74) * share, box.y + 90];
}
async function drag(page, from, to) {
  await page.mouse.move(...(await place(page, from)));
  await page.mouse.down();
  await page.mouse.move(...(await place(page, to)), { steps: 4 });
  await page.mouse.up();
}
const window_ = (page) =>
  page.evaluate(() => ["from", "till"].map((name) => new URLSearchParams(location.search).get(name)));

test("zooming and toggling ask the server for nothing", () =>
  at(DAY, async (page) => {
    await page.waitForLoadState("load");
    const asked = [];
    page.on("request", (request) => {
      // Chromium takes the icon out of its cache whenever the address changes.
      if (!request.url().includes("/icon.svg")) asked.push(request.url());
    });
    await page.evaluate(() => (window.picture = document.querySelector("figure.chart").querySelector(".chart-picture")));
    await drag(page, 0.25, 0.5);
    assert.deepEqual(await window_(page), ["06:00", "12:00"]);
    assert.equal(await page.locator(".shown").textContent(), "06:00–12:00: 25 samples");
    assert.equal(await page.locator("input[name=from]").inputValue(), "06:00");
    await page.locator("figure.chart").focus();
    await page.keyboard.press("=");
    assert.deepEqual(await window_(page), ["07:30", "10:30"]);
    await page.keyboard.press("-");
    await page.mouse.move(...(await place(page, 0.5)));
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -100);
    await page.keyboard.up("Control");
    await until("a zoom by the wheel", async () => (await window_(page))[0] > "06:00");
    const scrolled = await page.evaluate(() => scrollY);
    await page.mouse.wheel(0, 200);
    await until("the page to scroll", async () => (await page.evaluate(() => scrollY)) > scrolled);
    await page.evaluate(() => scrollTo(0, 0));
    await page.mouse.dblclick(...(await place(page, 0.5)));
    assert.deepEqual(await window_(page), [null, null]);
    const button = page.getByRole("button", { name: /^system/ });
    await button.click();
    await page.waitForURL(/hide=sy/);
    assert.equal(await button.getAttribute("aria-pressed"), "false");
    await button.press("Enter");
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await page.locator("input[name=from]").fill("9:00");
    await page.locator("input[name=till]").fill("15:00");
    await page.keyboard.press("Enter");
    assert.deepEqual(await window_(page), ["09:00", "15:00"]);
    await page.getByRole("link", { name: "Later hours" }).click();
    assert.deepEqual(await window_(page), ["15:00", "21:00"]);
    await page.goBack();
    await page.waitForURL(/from=09:00/);
    assert.deepEqual(await window_(page), ["09:00", "15:00"]);
    assert.equal(await page.locator("input[name=till]").inputValue(), "15:00");
    await page.getByRole("link", { name: "Whole day" }).click();
    assert.deepEqual(await window_(page), [null, null]);
    assert.ok(await page.evaluate(() => window.picture.isConnected), "the picture stayed");
    assert.deepEqual(asked, []);
  }));

test("the browser's picture of a window says what the server's says", () =>
  at(DAY, async (page, visitor) => {
    for (const [from, till] of [["00:00", "24:00"], ["02:00", "05:00"], ["09:50", "14:10"], ["13:20", "13:40"]]) {
      await visitor.visit(`${DAY}?from=${from}&till=${till}`);
      await page.locator("figure.live").waitFor();
      const server = await page.evaluate(async () => {
        const answer = await fetch(document.querySelector("figure.chart img").src);
        const svg = new DOMParser().parseFromString((await answer.text()).replace(/<style>[^]*<\/style>/, ""), "image/svg+xml");
        const texts = (selector) => [...svg.querySelectorAll(selector)].map((text) => text.textContent);
        return { scale: texts("text.t.e"), peak: texts("text.o"), heads: texts("text:has(> .k) > .k") };
      });
      const root = (selector) => page.locator(`.chart-picture ${selector}`).allTextContents();
      assert.deepEqual(await root("text.t.e"), server.scale, `${from} scale`);
      assert.deepEqual(await root("text.o"), server.peak, `${from} peak`);
      const figures = await page.locator(".chart-value").allTextContents();
      assert.ok(figures.length >= 15);
      for (const figure of figures) assert.ok(server.heads.includes(figure), `${from}: ${figure} in ${server.heads}`);
    }
  }));

test("pointing shows the values in the legends, and nothing over the chart", () =>
  at(DAY, async (page, visitor) => {
    const before_ = await value(page, "1 min").textContent();
    assert.match(before_, /^max /);
    await page.mouse.move(...(await place(page, 0.25)));
    assert.equal(await time(page).textContent(), "06:00:01");
    const [, csv] = serve.object("GET", `analyzedlogs-local/web01/${GAP}.csv`).match(/ 06:00:01,(.*)/);
    const columns = csv.split(",");
    assert.equal(await value(page, "1 min").textContent(), String(Number(columns[2])));
    assert.equal(await value(page, "user").textContent(), `${columns[17]} %`);
    assert.equal(await page.locator(".chart-box").count(), 0);
    const chip = await time(page).boundingBox();
    const legend = await page.locator(".chart-legend").first().boundingBox();
    assert.ok(chip.y + chip.height <= legend.y + 1, "the time is above the panels");
    await visitor.shoot("day-pointed", false);
    // In a gap there is no value to read, but a reason.
    await page.mouse.move(...(await place(page, 0.486)));
    assert.match(await time(page).textContent(), /^10:0\d–13:1\d no samples$/);
    assert.equal(await value(page, "1 min").textContent(), "–");
    await page.mouse.move(5, 5);
    assert.equal(await value(page, "1 min").textContent(), before_);
  }));

test("a panel begins below its legend, however many lines that has", () =>
  at(DAY, async (page) => {
    const tops = () =>
      page.locator(".chart-legend").evaluateAll((all) => all.map((legend) => legend.offsetTop));
    const resized = async (width) => {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(150);
    };
    for (let width = 480; width <= 900; width += 60) {
      await resized(width);
      await page.reload();
      await value(page, "1 min").waitFor();
      const first = await tops();
      // With its values in place, the legend is measured again.
      await resized(width + 1);
      await resized(width);
      assert.deepEqual(first, await tops(), `${width} px`);
    }
  }));

test("a phone shows the whole day, and the values where a finger is", () =>
  at(
    DAY,
    async (page, visitor) => {
      assert.equal(await visitor.overhang(), 0);
      const figure = page.locator("figure.chart");
      assert.equal(await figure.evaluate((part) => part.scrollWidth - part.clientWidth), 0);
      const size = page.locator(".chart-picture text.t").first();
      assert.ok((await size.evaluate((text) => parseFloat(getComputedStyle(text).fontSize))) >= 11);
      const box = await page.locator(".chart-picture").boundingBox();
      await page.touchscreen.tap(box.x + 60, box.y + 100);
      assert.match(await time(page).textContent(), /^0\d:\d0:01$/);
      assert.match(await value(page, "1 min").textContent(), /^\d/);
      await visitor.shoot("phone-day-pointed");
    },
    { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  ));

test("without one series the stack is that of the others", () =>
  at(DAY, async (page) => {
    await page.getByRole("button", { name: /^user/ }).click();
    const same = await page.evaluate(async () => {
      const url = new URL(document.querySelector("figure.chart").dataset.drawing, location.href);
      url.searchParams.set("hide", "us");
      const answer = await fetch(url);
      const svg = new DOMParser().parseFromString((await answer.text()).replace(/<style>[^]*<\/style>/, ""), "image/svg+xml").documentElement;
      document.body.append(document.adoptNode(svg));
      const mine = document.querySelector(".chart-picture").shadowRoot.querySelector(".data .a2");
      const theirs = svg.querySelector(".data .a2");
      const inside = (path, x, y) => {
        const point = path.ownerSVGElement.createSVGPoint();
        Object.assign(point, { x, y });
        return path.isPointInFill(point);
      };
      const box = theirs.getBBox();
      let [inner, differ] = [0, 0];
      for (let x = 63.5; x < 1020; x += 13.1) {
        for (let y = box.y; y < box.y + box.height; y += 0.9) {
          const there = inside(theirs, x, y);
          inner += there;
          differ += there !== inside(mine, x, y);
        }
      }
      svg.remove();
      return [inner, differ];
    });
    assert.ok(same[0] > 100 && same[1] < same[0] / 50, `${same}`);
  }));

test("the keyboard keeps its point, and says little at a time", () =>
  at(DAY, async (page) => {
    const chart = page.locator("figure.chart");
    const spoken = () => chart.locator("[aria-live]").textContent();
    await chart.focus();
    for (let step = 0; step < 18; step += 1) await page.keyboard.press("ArrowRight");
    assert.equal(await time(page).textContent(), "02:50:01");
    assert.match(await spoken(), /^02:50, 1 min \d/);
    assert.ok((await spoken()).length < 60);
    const where = async () => (await time(page).boundingBox()).x;
    const first = await where();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    assert.equal(await time(page).textContent(), "02:50:01");
    assert.ok(Math.abs((await where()) - first) < 4, "it is where it was on the screen");
    const [from, till] = await window_(page);
    assert.ok(from < "02:50" && till > "02:50", `${from} ${till}`);
    await page.keyboard.press("Enter");
    assert.match(await spoken(), /CPU user \d+ %.*Block I\/O written/s);
    await page.keyboard.press("0");
    for (let step = 0; step < 44; step += 1) await page.keyboard.press("ArrowRight");
    assert.match(await spoken(), /^13:20, 1 min [\d.]+, after a gap$/);
    await page.keyboard.press("?");
    assert.ok(await page.locator(".chart-help").isVisible());
    assert.match(await page.locator(".chart-help").textContent(), /zoom in, out/);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".chart-help").isVisible(), false);
    assert.equal(await time(page).isVisible(), false);
  }));

test("a delivery elsewhere leaves the chart, its part of the day and its point", () =>
  at(`${DAY}?from=01:00&till=05:00&hide=load5`, async (page) => {
    assert.equal(await page.getByRole("button", { name: /^5 min/ }).getAttribute("aria-pressed"), "false");
    await page.locator("figure.chart").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("+");
    const [address, said] = [page.url(), await time(page).textContent()];
    await page.evaluate(() => (window.picture = document.querySelector(".chart-picture")));
    const revision = () => page.locator("main").getAttribute("data-revision");
    const before_ = await revision();
    await serve.deliver("other01", GAP, day(GAP));
    await until("the page to be refreshed", async () => (await revision()) !== before_);
    assert.ok(await page.evaluate(() => window.picture.isConnected && document.activeElement.matches("figure.live")));
    assert.equal(page.url(), address);
    assert.equal(await time(page).textContent(), said);
  }));

test("compared charts have one line and one part of the day", () =>
  at(`/ui/compare?date=${GAP}&s=web01&s=db01`, async (page, visitor) => {
    await until("both charts", async () => (await page.locator("figure.live").count()) === 2);
    await page.mouse.move(...(await place(page, 0.25)));
    assert.deepEqual(await page.locator(".chart-time").allTextContents(), ["06:00:01", "06:00:01"]);
    await visitor.shoot("compare-pointed");
    await drag(page, 0.25, 0.5);
    assert.deepEqual(await window_(page), ["06:00", "12:00"]);
    for (const figure of await page.locator("figure.live").all()) {
      assert.equal(await figure.getAttribute("data-from"), "06:00");
      assert.deepEqual((await figure.locator(".chart-picture text.t.m").allTextContents()).slice(0, 2), ["06:00", "06:30"]);
    }
    await page.getByRole("button", { name: /^system/ }).first().click();
    await page.reload();
    await page.locator("figure.live").first().waitFor();
    assert.equal(await page.getByRole("button", { name: /^system/ }).first().getAttribute("aria-pressed"), "false");
    assert.deepEqual(await window_(page), ["06:00", "12:00"]);
  }));

test("every minute of a dense day is there to zoom into", () =>
  at(`/ui/s/dense01/${DENSE}?from=10:00&till=10:30`, async (page) => {
    assert.equal(await page.locator(".shown").textContent(), "10:00–10:30: 30 samples");
    await page.locator("figure.chart").focus();
    for (const minute of ["00", "01", "02"]) {
      await page.keyboard.press("ArrowRight");
      assert.equal(await time(page).textContent(), `10:${minute}:01`);
    }
  }));

test("an hour that comes twice has its zone beside it", () =>
  at(`/ui/s/ny01/${TWICE}`, async (page, visitor) => {
    await page.locator("figure.chart").focus();
    const times = [];
    for (let step = 0; step < 13; step += 1) {
      await page.keyboard.press("ArrowRight");
      times.push(await time(page).textContent());
    }
    assert.deepEqual([times[6], times[12]], ["01:00:01 EDT", "01:00:01 EST"]);
    assert.ok((await page.locator(".chart-picture text").allTextContents()).includes("02:00 EDT → 01:00 EST"));
    const rows = await page.locator(".values tbody th").allTextContents();
    assert.ok(rows.includes("01:10:01 EDT") && rows.includes("01:10:01 EST"));
    await visitor.shoot("day-twice", false);
    // A part that begins and ends in it has both.
    await visitor.visit(`/ui/s/ny01/${TWICE}?from=01:00&till=02:00`);
    await page.locator("figure.live").waitFor();
    assert.equal(await page.locator(".shown").textContent(), "01:00–02:00: 12 samples");
  }));

test("the first screen has panels with their hours, and a page is light", () =>
  at(DAY, async (page) => {
    const labels = page.locator(".chart-picture text.t.m", { hasText: "12:00" });
    const first = await labels.first().boundingBox();
    assert.ok(first.y < 500, `${first.y}`);
    const picture = await page.locator(".chart-picture").boundingBox();
    assert.ok(picture.y < 330, `${picture.y}`);
    const bytes = await page.evaluate(() =>
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter((entry) => !/events/.test(entry.name))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0));
    assert.ok(bytes > 10_000 && bytes < 150_000, `${bytes} bytes`);
  }));

test("the address is copied, or shown where there is no clipboard", () =>
  at(`${DAY}?from=01:00&till=05:00`, async (page, visitor) => {
    await visitor.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy link" }).click();
    await until("a word", async () => (await page.locator("#live").textContent()) === "Link copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    const shown = [];
    page.on("dialog", (dialog) => {
      shown.push(dialog.defaultValue());
      return dialog.dismiss();
    });
    await page.getByRole("button", { name: "Copy link" }).click();
    await until("the address", () => shown[0] === page.url());
  }));

test("the chart of a file of its own zooms too", () =>
  at(DAY, async (page, visitor) => {
    const html = await page.evaluate(async (url) => (await fetch(url)).text(), `${DAY}/web01-${GAP}.html`);
    const alone = await visitor.context.newPage();
    await alone.route("**/alone.html", (route) => route.fulfill({ body: html, contentType: "text/html" }));
    await alone.goto(`${serve.url}/alone.html`);
    await alone.locator("figure.live").waitFor();
    await alone.locator("figure.chart").focus();
    await alone.keyboard.press("+");
    assert.match(await alone.locator(".chart-picture text.h2").textContent(), / · 06:00–18:00: 53 samples · /);
    if (process.env.LOG2AWS_SHOTS) await alone.screenshot({ path: `${process.env.LOG2AWS_SHOTS}/alone.png` });
    await alone.close();
  }));

test("on paper the chart is as wide as the paper", () =>
  at(DAY, async (page) => {
    const width = () => page.locator(".chart-picture svg").evaluate((svg) => svg.getAttribute("width"));
    const wide = await width();
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await width(), "680");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await width(), wide);
  }));
