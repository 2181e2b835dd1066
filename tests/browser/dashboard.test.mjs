// What operators do with the dashboard, in a real browser against the built program.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { day, daysAgo, line } from "./fleet.mjs";
import { ANALYZED, browser, Serve, until, Visitor } from "./world.mjs";

const HOSTILE = '"><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">';

let serve;
let running;

before(async () => {
  [serve, running] = await Promise.all([Serve.start(), browser()]);
  const from = (days) => daysAgo(days);
  await serve.deliver("web01", from(5), day(from(5), { metadata: "note=%E6%9C%AC%E7%95%AADB" }));
  // Samples are missing while the machine ran; then two days on which nothing came.
  const gap = (minute) => minute > 600 && minute < 800;
  await serve.deliver("web01", from(4), day(from(4), { up: 61_440, skip: gap }));
  await serve.deliver("web01", from(1), day(from(1), { up: 65_760 }));
  const more = `${HOSTILE}\n${HOSTILE.repeat(3)}\n`;
  await serve.deliver("db01", from(2), day(from(2), { metadata: "note=%3Cb%3E", more }));
});

after(async () => {
  await running?.close();
  await serve?.stop();
});

const inside = (body, options) => Visitor.during(running, serve, body, options);

const cell = (page, server, date) => page.locator(`td a[href*="s/${server}/${date}"]`);

test("nothing is shown to who is not logged in", async () => {
  const visitor = await Visitor.arrive(running, serve);
  const { page } = visitor;
  await visitor.visit(`/ui/s/web01/${daysAgo(1)}`);
  assert.match(page.url(), /\/ui\/login/);
  assert.equal(await page.locator("h1", { hasText: "web01" }).count(), 0);
  await visitor.shoot("login");
  await visitor.logIn("a wrong token, of some length");
  await page.locator("[role=alert]").waitFor();
  await visitor.logIn(serve.token());
  // One is where one wanted to go.
  await page.waitForURL(`**/ui/s/web01/${daysAgo(1)}`);
  await page.locator("form[action$='logout'] button").click();
  await visitor.visit("/ui/");
  assert.match(page.url(), /\/ui\/login/);
  visitor.faults = visitor.faults.filter((fault) => !fault.includes("401"));
  await visitor.leave();
});

test("the one-time link opens once", async () => {
  const first = await Visitor.arrive(running, serve);
  await first.page.goto(serve.link);
  assert.equal(new URL(first.page.url()).pathname, "/ui/");
  const cookies = await first.context.cookies();
  assert.ok(cookies.some(({ httpOnly, sameSite }) => httpOnly && sameSite === "Lax"));
  await first.leave();
  const second = await Visitor.arrive(running, serve);
  await second.page.goto(serve.link);
  await second.page.locator("input[type=password]").waitFor();
  second.faults = second.faults.filter((fault) => !/status of 4/.test(fault));
  await second.leave();
});

test("calendar, day, zoom, download", () =>
  inside(async (page, visitor) => {
    await visitor.shoot("calendar");
    const named = (days) => cell(page, "web01", daysAgo(days)).getAttribute("aria-label");
    assert.equal(await named(1), `web01 ${daysAgo(1)}: Load per core 0.9`);
    assert.match(await named(4), /Load per core 0\.9, 19 missing$/);
    await page.getByRole("link", { name: "Completeness", exact: true }).click();
    await page.waitForURL("**/ui/?lens=complete");
    assert.match(await named(1), /: ✓, 144 of 144 samples$/);
    assert.match(await named(4), /: 86%, 125 of 144 samples: 19 missing$/);
    await visitor.shoot("calendar-complete");
    await cell(page, "web01", daysAgo(1)).first().click();
    await page.waitForURL(`**/ui/s/web01/${daysAgo(1)}`);
    const chart = page.locator("figure.live");
    await chart.waitFor();
    await visitor.shoot("day");

    const box = await chart.locator(".chart-picture").boundingBox();
    const at = (share) => box.x + box.width * share;
    await page.mouse.move(at(0.5), box.y + box.height * 0.2);
    await page.mouse.down();
    await page.mouse.move(at(0.7), box.y + box.height * 0.25, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d\d(:|%3A)\d\d/);
    await visitor.shoot("day-zoomed");
    // A link with the zoom in it shows the zoom, drawn by the server first.
    const link = page.url();
    await page.reload();
    assert.match(await page.locator("figure.chart img").getAttribute("src"), /from=/);
    assert.equal(page.url(), link);
    await page.goBack();

    await visitor.visit(`/ui/s/web01/${daysAgo(1)}`);
    const coming = page.waitForEvent("download");
    await page.locator('a[href$=".csv"]').click();
    const csv = readFileSync(await (await coming).path(), "utf8");
    assert.equal(csv, serve.object("GET", `${ANALYZED}/web01/${daysAgo(1)}.csv`));
    assert.equal(csv.split("\n").length, 146);
  }));

test("marks in the calendar leave room for the server's name, and a long name for a mark", async () => {
  for (const viewport of [{ width: 1280, height: 860 }, { width: 390, height: 844 }]) {
    await inside(
      async (page) => {
        const widths = await page.locator('th a[href="s/web01"]').evaluate((link) => {
          const name = link.querySelector("span");
          name.textContent = "demo-lab01";
          name.insertAdjacentHTML("afterend", "<em>1 alert</em><em>4 reboots</em>");
          const whole = name.scrollWidth <= name.clientWidth;
          name.textContent = "web01.production.tokyo.example.co.jp";
          const [mark, box] = [name.nextSibling, link].map((part) => part.getBoundingClientRect());
          return { whole, mark: mark.width > 20 && mark.right <= box.right };
        });
        assert.deepEqual(widths, { whole: true, mark: true }, `${viewport.width} px`);
      },
      { viewport },
    );
  }
});

test("servers are chosen in the calendar and compared", () =>
  inside(
    async (page, visitor) => {
      await visitor.visit(`/ui/?to=${daysAgo(2)}`);
      for (const server of ["web01", "db01"]) await page.getByLabel(`Compare ${server}`).check();
      await page.getByRole("button", { name: "Compare the selected servers" }).click();
      const { pathname, searchParams } = new URL(page.url());
      assert.equal(pathname, "/ui/compare");
      assert.deepEqual(searchParams.getAll("s").sort(), ["db01", "web01"]);
      assert.equal(searchParams.get("date"), daysAgo(2));
      assert.equal(await page.locator("section.one").count(), 2);
      await visitor.shoot("compare-chosen");
    },
    { javaScriptEnabled: false },
  ));

test("a day leads to the servers that are missing, and the search finds notes", () =>
  inside(async (page, visitor) => {
    await page.locator(`thead a[href*="day=${daysAgo(2)}"]`).click();
    await page.waitForURL(/only=missing/);
    assert.equal(await page.locator('tbody th a[href="s/web01"]').count(), 1);
    assert.equal(await page.locator('tbody th a[href="s/db01"]').count(), 0);
    await visitor.shoot("calendar-missing");
    await visitor.visit("/ui/");
    await page.locator("input[name=q]").fill("本番");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=/);
    // The newest log of that server has no note.
    await page.locator(".notice").waitFor();
    await page.locator("input[name=q]").fill("<b>");
    await page.keyboard.press("Enter");
    await page.locator("tbody th bdi", { hasText: "<b>" }).waitFor();
    await page.locator("input[name=to]").fill("someday");
    await page.keyboard.press("Enter");
    await page.locator(".said.bad", { hasText: "someday is not a date" }).waitFor();
    assert.equal(await page.locator("input[name=q]").inputValue(), "<b>");
    assert.equal(await page.locator("input[name=to]").inputValue(), "someday");
    visitor.faults = visitor.faults.filter((fault) => !/status of 400/.test(fault));
  }));

test("a calm value is a colour until it is pointed at, and a number on paper", () =>
  inside(async (page, visitor) => {
    await visitor.visit("/ui/?lens=iowait&q=web01");
    const calm = cell(page, "web01", daysAgo(1));
    const size = () => calm.evaluate((link) => parseFloat(getComputedStyle(link).fontSize));
    assert.equal(await size(), 0);
    await calm.hover();
    assert.ok((await size()) > 9);
    assert.match(await calm.getAttribute("title"), /I\/O wait 1\.0$/);
    await page.mouse.move(0, 0);
    await page.emulateMedia({ media: "print" });
    assert.ok((await size()) > 7);
    for (const form of await page.locator("form, .switch, tbody input").all()) {
      assert.equal(await form.isVisible(), false);
    }
    await visitor.shoot("print-calendar");
    await page.emulateMedia({ media: "screen", forcedColors: "active" });
    assert.ok((await size()) > 9);
    await visitor.shoot("forced-colors-calendar");
  }));

test("every empty cell says why", () =>
  inside(async (page) => {
    const row = page.locator("tr", { has: page.locator('th a[href*="s/web01"]') });
    const ran = row.locator("td", { has: page.locator(`a[href*="${daysAgo(2)}"]`) });
    assert.match(await ran.innerHTML(), /uptime|running|ran/i);
    for (const text of await row.locator("td").allTextContents()) assert.notEqual(text.trim(), "");
  }));

test("the language switches and stays", () =>
  inside(async (page, visitor) => {
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    await page.getByRole("link", { name: "日本語" }).click();
    await page.locator("html[lang=ja]").waitFor();
    await visitor.shoot("calendar-ja");
    await visitor.visit(`/ui/s/web01/${daysAgo(5)}`);
    assert.equal(await page.locator("html").getAttribute("lang"), "ja");
    assert.match(await page.locator("main").textContent(), /本番DB/);
    assert.match(await page.locator("figure.chart img").getAttribute("src"), /lang=ja/);
    await visitor.shoot("day-ja");
  }));

test("a new delivery appears without a reload", () =>
  inside(async (page) => {
    await page.evaluate(() => (window.sameDocument = true));
    await page.locator("main").waitFor();
    const date = daysAgo(3);
    await serve.deliver("new01", date, day(date));
    await cell(page, "new01", date).waitFor();
    assert.ok(await page.evaluate(() => window.sameDocument));
  }));

test("hostile lines and notes are text", () =>
  inside(async (page, visitor) => {
    await visitor.visit(`/ui/s/db01/${daysAgo(2)}`);
    assert.ok((await page.locator("main").textContent()).includes("<script>window.hacked = 1"));
    await visitor.shoot("day-rejects");
    await visitor.visit(`/ui/?q=${encodeURIComponent(HOSTILE)}`);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  }));

test("results that are half there are shown as far as they are", () =>
  inside(async (page, visitor) => {
    const date = daysAgo(9);
    await serve.deliver("half01", date, day(date));
    const key = `${ANALYZED}/half01/${date}.csv`;
    const csv = serve.object("GET", key);
    serve.object("PUT", key, csv.slice(0, 5_000));
    await visitor.visit(`/ui/s/half01/${date}`);
    await page.locator("figure.live").waitFor();
    const said = page.locator("main");
    assert.match(await said.textContent(), /44 of the 144 rows given in the summary: it is incomplete/);
    serve.object("PUT", key, csv.replaceAll("load-average01", "load").replace(/,0\.\d\d,/, ",NaN,"));
    await visitor.visit(`/ui/s/half01/${date}`);
    assert.match(await said.textContent(), /The CSV lacks these columns.*load-average01/s);
    await visitor.shoot("day-damaged");
    serve.object("DELETE", key);
    await visitor.visit(`/ui/s/half01/${date}`);
    assert.match(await said.textContent(), /The CSV was removed, by age or by hand, so there is no chart/);
  }));

test("a keyboard is enough", () =>
  inside(async (page, visitor) => {
    await cell(page, "web01", daysAgo(1)).first().focus();
    await page.keyboard.press("ArrowLeft");
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("href") ?? "");
    assert.match(await focused(), new RegExp(daysAgo(2)));
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/ui/s/web01/${daysAgo(1)}`);
    await page.locator("figure.live").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("=");
    await page.waitForURL(/from=/);
    await visitor.shoot("day-keyboard");
  }));

test("without JavaScript everything is there but the hovering", () =>
  inside(
    async (page, visitor) => {
      await cell(page, "web01", daysAgo(1)).first().click();
      await page.locator("input[name=from]").fill("06:00");
      await page.locator("input[name=till]").fill("12:00");
      await page.locator("form:has(input[name=from]) button").first().click();
      assert.match(await page.locator("figure.chart img").getAttribute("src"), /from=06(:|%3A)00/);
      await visitor.shoot("day-without-javascript");
    },
    { javaScriptEnabled: false },
  ));

test("a phone shows it without pushing the page sideways", () =>
  inside(
    async (page, visitor) => {
      assert.equal(await visitor.overhang(), 0);
      await visitor.shoot("phone-calendar");
      await visitor.visit(`/ui/s/web01/${daysAgo(4)}`);
      await page.locator("figure.live").waitFor();
      assert.equal(await visitor.overhang(), 0);
      await visitor.shoot("phone-day");
      await visitor.visit("/ui/");
      assert.ok((await cell(page, "web01", daysAgo(1)).boundingBox()).x < 390);
      await visitor.visit("/ui/s/web01");
      assert.equal(await visitor.overhang(), 0);
      const chart = page.locator("figure.chart");
      const hidden = () => chart.evaluate((part) => part.scrollWidth - part.clientWidth - part.scrollLeft);
      await until("the newest days", async () => (await hidden()) < 2);
      await visitor.shoot("phone-month");
    },
    { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: "dark" },
  ));

test("a day is told in sentences beside its usual day, and what gets worse is listed", async () => {
  const other = await Serve.start();
  try {
    for (const days of [8, 15, 22]) await other.deliver("app01", daysAgo(days), day(daysAgo(days)));
    const busy = (text) => text.replace(/average: [\d.]+/g, "average: 9.50");
    await other.deliver("app01", daysAgo(1), busy(day(daysAgo(1))));
    for (let days = 16; days >= 1; days -= 1) {
      const free = ` 0 0 ${300_000 + days * 60_000} 120000 `;
      const log = day(daysAgo(days), { up: 90_000 - days * 1440 });
      await other.deliver("leak01", daysAgo(days), log.replace(/ 0 0 \d+ 120000 /g, free));
    }
    for (const colorScheme of ["light", "dark"]) {
      const visitor = await Visitor.inside(running, other, { colorScheme });
      const { page } = visitor;
      await visitor.visit(`/ui/s/app01/${daysAgo(1)}?lang=en`);
      const report = page.locator("#day-report");
      await report.getByText("All day: load above the 4 cores for 24 h").waitFor();
      await report.getByText("Peak load 9.5 at 00:00").waitFor();
      const image = `/ui/s/app01/${daysAgo(1)}/chart.svg`;
      const chart = await page.evaluate(async (url) => (await fetch(url)).text(), image);
      assert.match(chart, /<path class="band"/);
      await visitor.shoot(`usual-${colorScheme}`);
      assert.deepEqual(await visitor.ails(), []);
      // One week away, and back.
      await page.getByRole("link", { name: "-7 d" }).click();
      await page.waitForURL(`**/ui/s/app01/${daysAgo(8)}`);
      await page.getByRole("link", { name: "Trends" }).click();
      const row = page.locator("tbody tr");
      await row.getByText(/free memory used up in about (5 to )?6 days/).waitFor();
      assert.equal(await row.count(), 1);
      assert.match(await row.innerText(), /leak01/);
      await visitor.shoot(`trends-${colorScheme}`);
      assert.deepEqual(await visitor.ails(), []);
      await visitor.visit("/ui/trends?days=90&lang=ja");
      await row.getByText("空きメモリがなくなります").waitFor();
      await visitor.leave();
    }
  } finally {
    await other.stop();
  }
});

test("axe finds nothing serious, light or dark, English or Japanese", async () => {
  const date = daysAgo(4);
  const places = {
    calendar: "/ui/",
    memory: "/ui/?lens=free&sort=lens",
    complete: "/ui/?lens=complete",
    trends: "/ui/trends",
    missing: `/ui/?only=missing&day=${daysAgo(1)}`,
    troubled: "/ui/?only=troubled&q=web*",
    day: `/ui/s/web01/${date}`,
    rejects: `/ui/s/db01/${daysAgo(2)}`,
    month: "/ui/s/web01?view=month",
    week: "/ui/s/web01?view=week",
    compare: `/ui/compare?s=web01&s=db01&date=${daysAgo(2)}`,
    absent: `/ui/s/web01/${daysAgo(300)}`,
  };
  for (const colorScheme of ["light", "dark"]) {
    for (const language of ["en", "ja"]) {
      await inside(
        async (page, visitor) => {
          await visitor.visit(`/ui/lang?to=${language}&back=/ui/`);
          for (const [name, place] of Object.entries(places)) {
            await visitor.visit(place);
            if (await page.locator("figure.chart.day").count()) await page.locator("figure.live").first().waitFor();
            await visitor.shoot(`axe-${name}-${colorScheme}-${language}`);
            assert.deepEqual(await visitor.ails(), [], `${name} ${colorScheme} ${language}`);
          }
          visitor.faults = visitor.faults.filter((fault) => !/status of 404/.test(fault));
        },
        { colorScheme },
      );
    }
  }
  const stranger = await Visitor.arrive(running, serve);
  await stranger.visit("/ui/login");
  assert.deepEqual(await stranger.ails(), []);
  await stranger.leave();
});

test("a day that the clock of the log leaves is drawn as its own day", () =>
  inside(async (page, visitor) => {
    const date = daysAgo(7);
    // The last samples are of the next day, and once the clock goes back.
    const back = line(date, 600, 60_600) + line(date, 500, 60_610);
    const next = line(daysAgo(6), 0, 61_440);
    await serve.deliver("clock01", date, day(date, { more: back + next }));
    await visitor.visit(`/ui/s/clock01/${date}`);
    const text = await page.locator("main").textContent();
    assert.match(text, /other day|another day/i);
    assert.match(text, /The clock went back 2 times/);
    await visitor.shoot("day-clock");
  }));
