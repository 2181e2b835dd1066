import { day, daysAgo } from "./fleet.mjs";
import { browser, Serve, until, Visitor } from "./world.mjs";
import { readFileSync } from "node:fs";
const [serve, running] = await Promise.all([Serve.start(), browser()]);
const d = daysAgo(4);
await serve.deliver("web01", d, day(d, { metadata: "note=%E6%9C%AC%E7%95%AADB", up: 61_440, skip: (m) => m > 600 && m < 800 }));
await serve.deliver("db01", d, day(d, {}));
const dst = "2025-11-02";
await serve.deliver("db01", dst, day(dst, {}).replace("Asia/Tokyo", "America/New_York"));
const A = "crates/log2aws-dashboard/assets/", C = "crates/log2aws-core/src/chart/";
const local = { "day.js": C, "chart.css": C, "dashboard.js": A, "dashboard.css": A };
async function visit(options, body) {
  const v = await Visitor.inside(running, serve, options);
  for (const [name, folder] of Object.entries(local)) {
    await v.page.route(`**/assets/${name}*`, (route) => route.fulfill({ body: readFileSync(folder + name), contentType: name.endsWith("js") ? "text/javascript" : "text/css" }));
  }
  try { await body(v.page, v); } catch (e) { console.log(e); }
  await v.context.close();
  if (v.faults.length) console.log(v.faults);
}
const ready = (page) => page.locator("figure.chart.live").first().waitFor({ timeout: 8000 });
const W = { viewport: { width: 1440, height: 900 } };
await visit(W, async (page, v) => {
  await v.visit(`/ui/s/web01/${d}`); await v.shoot("d0-first", false); await ready(page); await v.shoot("d1-day", false); await v.shoot("d1-full");
  const box = await page.locator(".chart-picture").boundingBox();
  await page.mouse.move(box.x + 400, box.y + 100); await v.shoot("d2-point", false);
  await page.mouse.move(box.x + 62 + 1304 * 0.486, box.y + 100); await v.shoot("d3-gap", false);
  await page.mouse.move(box.x + 300, box.y + 100); await page.mouse.down(); await page.mouse.move(box.x + 500, box.y + 120, { steps: 4 }); await v.shoot("d4-drag", false); await page.mouse.up();
  await v.shoot("d5-zoomed", false); console.log(page.url());
  await page.reload(); await ready(page); await v.shoot("d6-reloaded", false);
  await page.getByRole("button", { name: /system/ }).click(); await page.getByRole("button", { name: /cache/ }).click();
  await v.shoot("d7-toggled"); console.log(page.url());
  await page.locator("figure.chart").focus(); await page.keyboard.press("ArrowRight"); await page.keyboard.press("?"); await v.shoot("d8-help", false);
  console.log(await page.locator("[aria-live]").textContent());
});
await visit({ ...W, colorScheme: "dark" }, async (page, v) => { await v.visit(`/ui/s/web01/${d}`); await ready(page); await v.shoot("d9-dark", false); });
await visit({ ...W, forcedColors: "active" }, async (page, v) => { await v.visit(`/ui/s/web01/${d}`); await ready(page); await v.shoot("d10-forced", false); });
await visit({ ...W, javaScriptEnabled: false }, async (page, v) => { await v.visit(`/ui/s/web01/${d}`); await v.shoot("d11-nojs"); });
await visit({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }, async (page, v) => { await v.visit(`/ui/s/web01/${d}`); await ready(page); await v.shoot("d12-phone");
  const box = await page.locator(".chart-picture").boundingBox(); await page.touchscreen.tap(box.x + 250, box.y + 90); await v.shoot("d13-phone-point", false); });
await visit(W, async (page, v) => { await v.visit(`/ui/compare?date=${d}&s=web01&s=db01`); await ready(page); const box = await page.locator(".chart-picture").first().boundingBox(); await page.mouse.move(box.x + 400, box.y + 100); await v.shoot("d14-compare"); });
await visit(W, async (page, v) => { await v.visit(`/ui/s/db01/${dst}`); await ready(page); await v.shoot("d15-dst", false); await page.emulateMedia({ media: "print" }); });
await visit({ ...W, colorScheme: "light" }, async (page, v) => { await v.visit(`/ui/lang?to=ja&back=/ui/s/web01/${d}`); await ready(page); await v.shoot("d16-ja"); await page.pdf({ path: "/tmp/browser/shots/day.pdf", format: "A4" }); });
await running.close(); await serve.stop();
