// One running `log2aws serve`, a made-up fleet for it, and a browser that talks to nobody else.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PATIENCE = 60_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const CHROMIUM = process.env.LOG2AWS_CHROMIUM ?? "/usr/bin/chromium";

/** Where screenshots go for people to look at; nowhere unless asked for. */
const SHOTS = process.env.LOG2AWS_SHOTS;

export const RAW = "serverlogs-local";
export const ANALYZED = "analyzedlogs-local";

/** Waits until `look` gives something; fails with `what` when it never does. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

/** One running server in a folder of its own. */
export class Serve {
  static async start(...flags) {
    const serve = new Serve();
    serve.folder = mkdtempSync(path.join(tmpdir(), "log2aws-browser-"));
    serve.data = path.join(serve.folder, "data");
    const binary = process.env.LOG2AWS_BINARY ?? path.join(ROOT, "target/debug/log2aws");
    const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", serve.data, ...flags];
    // The days of these tests are years ago, and the link is read from a pipe.
    const env = {
      ...process.env,
      LOG2AWS_DAYS_BACK: "36500",
      LOG2AWS_FINAL_AFTER: "0",
      LOG2AWS_PRINT_LOGIN_LINK: "true",
    };
    serve.process = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], env });
    serve.errors = "";
    serve.process.stderr.setEncoding("utf8").on("data", (text) => (serve.errors += text));
    serve.ended = new Promise((resume) => serve.process.once("exit", (code) => resume(code)));
    for await (const line of createInterface({ input: serve.process.stdout })) {
      serve.url ??= line.match(/serves (https?:\/\/\S+)/)?.[1];
      serve.link ??= line.match(/(https?:\/\/\S+\/ui\/login\?once=\S+)/)?.[1];
      if (serve.url && serve.link) break;
    }
    assert.ok(serve.link, `serve did not start: ${serve.errors}`);
    serve.process.stdout.resume();
    return serve;
  }

  /** The token that a person types in. */
  token() {
    return readFileSync(path.join(this.data, "dashboard-token"), "utf8").trim();
  }

  /** Delivers a log as a server does: asks for a URL, puts, and waits for the summary. */
  async deliver(server, date, log) {
    const ask = await fetch(`${this.url}/?server=${server}&date=${date}`);
    assert.equal(ask.status, 200);
    const put = await fetch((await ask.text()).trim(), { method: "PUT", body: log });
    assert.equal(put.status, 200);
    const sum = await until(`the summary of ${server} ${date}`, () => {
      const text = this.object("GET", `${ANALYZED}/${server}/${date}.json`);
      return text.includes(`"server": "${server}"`) && text;
    });
    return JSON.parse(sum);
  }

  /** One signed request of the S3 API, by curl; its answer. */
  object(method, key, body) {
    const lines = readFileSync(path.join(this.data, "credentials"), "utf8");
    const value = (name) => lines.match(new RegExp(`${name}\\s*=\\s*(\\S+)`))[1];
    const user = `${value("aws_access_key_id")}:${value("aws_secret_access_key")}`;
    const unsigned = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
    const args = ["-sS", "-X", method, "--aws-sigv4", "aws:amz:us-east-1:s3", "-K", "-"];
    args.push("-H", unsigned);
    if (body !== undefined) args.push("--data-binary", body);
    // The secret comes by the standard input, so that no list of processes shows it.
    const input = `user = "${user}"\n`;
    return execFileSync("curl", [...args, `${this.url}/${key}`], { input, encoding: "utf8" });
  }

  async stop() {
    this.process.kill("SIGTERM");
    const code = await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
    assert.equal(code, 0, this.errors);
  }
}

/** A chromium that asks nobody but the machine it runs on. */
export async function browser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page whose faults are collected: what the console says, what is asked of other hosts. */
export class Visitor {
  static async arrive(running, serve, options = {}) {
    const visitor = new Visitor();
    visitor.serve = serve;
    visitor.faults = [];
    visitor.context = await running.newContext({
      locale: "en-GB",
      timezoneId: "UTC",
      viewport: { width: 1280, height: 900 },
      ignoreHTTPSErrors: true,
      acceptDownloads: true,
      ...options,
    });
    visitor.context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(serve.url) && !url.startsWith("data:") && !url.startsWith("blob:")) {
        visitor.faults.push(`asked another host: ${url}`);
      }
    });
    visitor.context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        visitor.faults.push(`console: ${message.text()}`);
      }
    });
    visitor.context.on("weberror", (error) => visitor.faults.push(`page: ${error.error()}`));
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(30_000);
    return visitor;
  }

  /** Logged in by the token, as a person would; once for all, because logins are counted. */
  static async inside(running, serve, options = {}) {
    const storageState = serve.session;
    const visitor = await Visitor.arrive(running, serve, { storageState, ...options });
    await visitor.page.goto(`${serve.url}/ui/`);
    if (!storageState) {
      await visitor.logIn(serve.token());
      await visitor.page.waitForURL(`${serve.url}/ui/`);
      serve.session = await visitor.context.storageState();
    }
    return visitor;
  }

  /** A visitor who is logged in, for the length of one test. */
  static async during(running, serve, body, options) {
    const visitor = await Visitor.inside(running, serve, options);
    try {
      await body(visitor.page, visitor);
    } finally {
      await visitor.leave();
    }
  }

  async logIn(token) {
    await this.page.locator("input[type=password]").fill(token);
    await this.page.locator("form:has(input[type=password]) button").click();
  }

  async visit(place) {
    await this.page.goto(`${this.serve.url}${place}`);
  }

  /** What axe-core finds serious or critical on the page as it stands. */
  async ails() {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(() => window.axe.run());
    return found.violations
      .filter(({ impact }) => ["serious", "critical"].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3)}`);
  }

  /** How far the page as a whole can be pushed sideways, in pixels. */
  async overhang() {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.scrollingElement;
      return scrollWidth - clientWidth;
    });
  }

  async shoot(name, fullPage = true) {
    if (SHOTS) await this.page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage });
  }

  /** Leaves; whatever went wrong on the way comes out here. */
  async leave() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }
}
