/* What the dashboard adds where scripts run: it keeps pages up to date, zooms and toggles without
   a reload, and lets the arrow keys walk over the calendar. Every page is whole without it. */
(() => {
  "use strict";

  const POLL = 30_000; // milliseconds between questions where no events come
  const LOADING_POLL = 2_000; // the same while the store is looked through
  const REST = 5_000; // milliseconds between two refreshes, at least
  const body = document.body;
  const live = document.getElementById("live");
  document.documentElement.classList.add("scripts");

  const main = () => document.getElementById("main");
  const tell = (text) => {
    if (live.textContent !== text) live.textContent = text ?? "";
  };

  /* Where the focus is, in words that a new copy of the page understands. */
  const trace = (element) => {
    if (!element || !main().contains(element)) return null;
    if (element.id) return `#${CSS.escape(element.id)}`;
    const same = (name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`;
    const tag = element.tagName.toLowerCase();
    if (element.hasAttribute("href")) return `${tag}${same("href")}`;
    if (element.hasAttribute("name")) {
      const value = element.type === "checkbox" ? same("value") : "";
      return `${tag}${same("name")}${value}`;
    }
    return element.tagName === "FIGURE" ? "figure.chart" : null;
  };

  const query = (root, selector) => {
    try {
      return selector && root.querySelector(selector);
    } catch {
      return null;
    }
  };

  let shown = null; // what the last copy had inside, before anything was added to it

  /* Puts a new copy of the page in the place of this one; focus, scroll, open parts and what was
     typed stay. */
  const swap = (page, keep) => {
    const [old, next] = [main(), page.getElementById("main")];
    if (!next) return false;
    document.title = page.title;
    const language = page.querySelector(".lang");
    if (language) document.querySelector(".lang")?.replaceWith(document.adoptNode(language));
    const footer = page.querySelector("footer p");
    if (footer) document.querySelector("footer p")?.replaceWith(document.adoptNode(footer));
    const html = next.innerHTML;
    if (html === shown) {
      old.dataset.revision = next.dataset.revision;
      old.toggleAttribute("data-loading", next.hasAttribute("data-loading"));
      return false;
    }
    shown = html;
    const focused = trace(document.activeElement);
    const selection = document.activeElement?.selectionStart;
    const inside = [...old.querySelectorAll(".scroll, figure.chart")].map((part) => [part.scrollLeft, part.scrollTop]);
    const open = [...old.querySelectorAll("details")].map((part) => part.open);
    const typed = keep
      ? [...old.querySelectorAll("input:not([type=hidden])")]
        .filter((field) => field.type === "checkbox"
          ? field.checked !== field.defaultChecked : field.value !== field.defaultValue)
        .map((field) => [trace(field), field.value, field.checked])
      : [];
    document.adoptNode(next);
    // A chart that goes on showing the same day stays, and only shows another part of it.
    const same = [...next.querySelectorAll("figure.chart.day")].map((figure) => [
      figure, old.querySelector(`figure.live[data-values="${CSS.escape(figure.dataset.values)}"]`),
    ]);
    for (const [figure, known] of same) {
      if (!known || known.dataset.drawing !== figure.dataset.drawing) continue;
      Object.assign(known.dataset, figure.dataset);
      figure.replaceWith(known);
    }
    old.replaceWith(next);
    const details = next.querySelectorAll("details");
    if (details.length === open.length) details.forEach((part, index) => { part.open = open[index]; });
    for (const [selector, value, checked] of typed) {
      const field = query(next, selector);
      if (!field) continue;
      if (field.type === "checkbox") field.checked = checked;
      else field.value = value;
    }
    next.querySelectorAll(".scroll, figure.chart").forEach((part, index) => {
      [part.scrollLeft, part.scrollTop] = inside[index] ?? [0, 0];
    });
    ready();
    const target = query(next, focused);
    if (target) {
      if (target.matches("table.cal :is(a, input)")) stop(target);
      target.focus({ preventScroll: true });
      if (typeof selection === "number" && target.setSelectionRange && target.type !== "checkbox") {
        target.setSelectionRange(selection, selection);
      }
    } else if (focused) {
      next.focus({ preventScroll: true });
    }
    return true;
  };

  let turn = 0;

  /* Fetches a page of ours and shows it. A caller whose session has ended is led to the login. Where
     nobody asked for another page, an answer that is no page of ours leaves what stands. */
  const show = async (url, { push = false, keep = true } = {}) => {
    const mine = ++turn;
    let answer;
    try {
      answer = await fetch(url, { credentials: "same-origin", headers: { accept: "text/html" } });
    } catch {
      if (push) location.assign(url);
      return null;
    }
    if (mine !== turn) return false;
    if (answer.status === 401 || new URL(answer.url).pathname === "/ui/login") {
      location.reload();
      return false;
    }
    if (!push && !answer.ok && ![400, 404].includes(answer.status)) {
      tell(body.dataset.lost);
      return null;
    }
    const html = await answer.text();
    if (mine !== turn) return false;
    const page = new DOMParser().parseFromString(html, "text/html");
    if (!page.getElementById("main")) {
      if (push) location.assign(url);
      else tell(body.dataset.lost);
      return null;
    }
    const changed = swap(page, keep);
    if (push) history.pushState(null, "", answer.url);
    here = location.href;
    return changed;
  };

  /* One refresh at a time, none while nobody looks, and rests that grow with what one costs. */
  let again = 0;
  let rested = 0; // when the next refresh may begin
  let busy = false;
  const later = (wait) => {
    clearTimeout(again);
    again = setTimeout(refresh, wait);
  };
  const refresh = async () => {
    if (document.hidden) return;
    const begin = performance.now();
    if (busy || begin < rested) return later(Math.max(rested - begin, 100));
    busy = true;
    clearTimeout(again);
    const changed = await show(location.href);
    const end = performance.now();
    rested = end + Math.max(REST, 10 * (end - begin));
    busy = false;
    if (changed) tell(body.dataset.updated);
    else if (changed === null) later(Math.max(POLL / 2, rested - end));
    else if (live.textContent === body.dataset.lost) tell("");
  };

  /* Events where they come, questions where they do not. */
  let source = null;
  let poll = 0;

  const ask = async () => {
    try {
      const answer = await fetch(body.dataset.status, { credentials: "same-origin" });
      if (answer.status === 401 || answer.redirected) return location.reload();
      const status = await answer.json();
      if (String(status.revision) !== main().dataset.revision || status.loading) await refresh();
    } catch {
      // The next question may be answered.
    }
    wait();
  };
  const wait = () => {
    clearTimeout(poll);
    if (document.hidden) return;
    const loading = main().hasAttribute("data-loading");
    if (!loading && source?.readyState === EventSource.OPEN) return;
    poll = setTimeout(ask, loading ? LOADING_POLL : POLL);
  };
  const listen = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(`${body.dataset.events}?seen=${main().dataset.revision}`);
    source.addEventListener("open", () => {
      if (live.textContent === body.dataset.lost) tell("");
      wait();
    });
    source.addEventListener("change", (event) => {
      if (event.data !== main().dataset.revision) refresh();
    });
    source.addEventListener("error", () => {
      tell(body.dataset.lost);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, POLL);
      wait();
    });
  };

  /* A browser keeps few connections to one host: a page that nobody sees gives its own back. What
     it missed it is told when it listens again. */
  document.addEventListener("visibilitychange", () => {
    if (!body.dataset.events) return;
    if (document.hidden) {
      source?.close();
      clearTimeout(poll);
      clearTimeout(again);
    } else {
      listen();
      wait();
    }
  });

  /* Zooming and toggling: the state is the URL's. A chart that has its values shows another part by
     itself; the address, the form and the links follow it. */
  const path = (url) => (url.pathname + url.search).replaceAll("%3A", ":").replaceAll("%2C", ",");
  const VIEW = ["from", "till", "hide"];
  const rest = (address) => {
    const url = new URL(address);
    VIEW.forEach((name) => url.searchParams.delete(name));
    return path(url);
  };
  let here = location.href; // the address of what is shown
  const minutes = (time, otherwise) =>
    time ? time.split(":").reduce((sum, value) => sum * 60 + Number(value), 0) : otherwise;
  const asks = (detail) =>
    !document.dispatchEvent(new CustomEvent("chart-part", { cancelable: true, detail }));
  /* Shows the part that an address names; false if there is no chart that could. */
  const follow = (address) => {
    const [from, till, hide] = VIEW.map((name) => new URL(address).searchParams.get(name) ?? "");
    return asks({ minutes: [minutes(from, 0), minutes(till, 1440)], hide: new Set(hide.split(",").filter(Boolean)) });
  };
  /* The parts of the page that depend on the part of the day. */
  const beside = ({ from, till, shown: words, first, behind }) => {
    const form = main().querySelector("form.view");
    if (!form) return;
    for (const [name, value] of [["from", from], ["till", till]]) {
      const field = form.elements[name];
      if (field) field.value = field.defaultValue = value;
    }
    const parts = form.querySelector(".parts");
    if (parts) parts.hidden = !from;
    for (const [name, there] of [["back", first > 0], ["on", behind < 1440]]) {
      const link = form.querySelector(`[data-part="${name}"]`);
      if (link) link.hidden = !there;
    }
    const output = form.querySelector(".shown");
    if (output) output.textContent = words;
    const back = new URL(location.href);
    for (const language of document.querySelectorAll("a.lang")) {
      const url = new URL(language.href);
      url.searchParams.set("back", path(back));
      language.href = url;
    }
  };
  document.addEventListener("chart-view", (event) => {
    const url = new URL(location.href);
    for (const name of VIEW) {
      if (event.detail[name]) url.searchParams.set(name, event.detail[name]);
      else url.searchParams.delete(name);
    }
    if (path(url) !== path(new URL(location.href))) {
      history[event.detail.push ? "pushState" : "replaceState"](null, "", path(url));
    }
    here = location.href;
    beside(event.detail);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-part]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (asks({ part: link.dataset.part })) event.preventDefault();
  });
  /* A day of a period is opened: around a time of it, or the whole of it. */
  document.addEventListener("chart-day", (event) => {
    const { date, time } = event.detail;
    const days = event.target.closest("figure").dataset.open;
    if (!days) return;
    const [hour, minute] = (time ?? "").split(":").map(Number);
    const first = Math.min(Math.max(Math.floor((hour * 60 + minute - 105) / 30) * 30, 0), 1440 - 240);
    const clock = (minutes) =>
      `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
    location.assign(`${days}${date}${time ? `?from=${clock(first)}&till=${clock(first + 240)}` : ""}`);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form?.matches("form.view") || event.target.name !== "show") return;
    const url = new URL(form.action, location.href);
    url.search = new URLSearchParams(new FormData(form)).toString();
    show(path(url), { push: true, keep: false });
  });
  /* The minutes that a form has; null if it asks for anything else, or for no part of a day. */
  const part = (form) => {
    const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden" && field.type !== "checkbox");
    const times = ["from", "till"].map((name) => form.elements[name]?.value.trim());
    const other = fields.some((field) => !VIEW.includes(field.name) && field.value !== field.defaultValue);
    if (other || times.some((time) => time === undefined || !/^(\d{1,2}:\d\d)?$/.test(time))) return null;
    return [minutes(times[0], 0), minutes(times[1], 1440)];
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "get" || !form.matches("form.view, form[role=search]")) return;
    event.preventDefault();
    const wanted = form.matches("form.view") && part(form);
    if (wanted && asks({ minutes: wanted })) return;
    const url = new URL(form.action, location.href);
    const usual = (name, value) => value === "" || form.elements[name]?.dataset?.usual === value;
    const fields = [...new FormData(form)].filter(([name, value]) => !usual(name, value));
    url.search = new URLSearchParams(fields).toString();
    show(path(url), { push: true, keep: false });
  });
  addEventListener("popstate", () => {
    const known = rest(here) === rest(location.href);
    here = location.href;
    if (!known || !follow(here)) show(here, { keep: false });
  });

  /* The address of what is shown, for a colleague. Over plain HTTP there may be no clipboard. */
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button.copy");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(location.href);
      tell(button.dataset.copied);
    } catch {
      prompt(button.dataset.failed, location.href);
    }
  });

  /* The calendar: one cell is in the order of the Tab key, the arrow keys move from there. */
  const stops = "a, input";
  const cellsOf = (table) => {
    const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll(stops)]);
    // The heads of the days stand above the cells, behind a check box and a name.
    const heads = [...table.tHead.querySelectorAll("a")];
    return [[...new Array(Math.max((rows[0]?.length ?? 0) - heads.length, 0)), ...heads], ...rows];
  };
  const rove = (table) => {
    for (const link of table.querySelectorAll(stops)) {
      link.tabIndex = -1;
      if (link.closest("td")) name(link, table.dataset.lens);
    }
    const first = table.tBodies[0].querySelector("td a");
    if (first) first.tabIndex = 0;
  };

  /* The name of a cell outside its table: server, day and value. In the table its heads say that. */
  const name = (link, lens) => {
    const [server, date] = link.getAttribute("href").split("/").slice(-2);
    const text = link.firstChild.data;
    const value = /^[vw]/.test(link.className) ? `${lens} ${text}` : text.replace(/^\d+$/, "$&%");
    const words = link.title || link.children[0]?.textContent;
    link.setAttribute("aria-label", `${server} ${date}: ${value}${words ? `, ${words}` : ""}`);
  };
  document.addEventListener("pointerover", (event) => {
    const link = event.target.closest?.("table.cal tbody a");
    if (!link || link.dataset.named) return;
    link.dataset.named = "1";
    link.title = link.getAttribute("aria-label") ?? [...link.children].map((part) => part.textContent).join(" · ");
  });
  const stop = (link) => {
    for (const cell of link.closest("table").querySelectorAll('[tabindex="0"]')) cell.tabIndex = -1;
    link.tabIndex = 0;
  };
  document.addEventListener("keydown", (event) => {
    const link = event.target.closest?.("table.cal :is(a, input)");
    if (!link || event.altKey || event.metaKey) return;
    const table = link.closest("table");
    const rows = cellsOf(table);
    const row = rows.findIndex((cells) => cells.includes(link));
    const column = rows[row].indexOf(link);
    const [last, end] = [rows.length - 1, rows[row].length - 1];
    const places = {
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      PageUp: [Math.max(row - 10, 0), column], PageDown: [Math.min(row + 10, last), column],
      Home: [event.ctrlKey ? 1 : row, rows[event.ctrlKey ? 1 : row].findIndex((cell) => cell?.href)], End: [event.ctrlKey ? last : row, end],
    };
    const place = places[event.key];
    if (!place) return;
    event.preventDefault();
    const next = rows[place[0]]?.[place[1]];
    if (!next) return;
    stop(next);
    next.focus({ preventScroll: true });
    reveal(next);
  });

  /* Why a cell looks as it does is told below the table: for who has no pointer to hover with. */
  const explain = (link, more) => {
    const line = document.getElementById("reason");
    if (!line) return;
    const known = [...document.querySelectorAll(".legend li")]
      .find((entry) => entry.querySelector(".cell").classList.contains(link.className));
    const words = [link.getAttribute("aria-label"), known?.lastChild.data.trim(), more];
    line.textContent = words.filter(Boolean).join(" – ");
    line.hidden = false;
  };
  let tapped = null;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("table.cal td a");
    if (!link || event.pointerType !== "touch" || link === tapped) return;
    event.preventDefault();
    tapped = link;
    stop(link);
    link.focus({ preventScroll: true });
    explain(link, document.getElementById("reason")?.dataset.again);
  });
  document.addEventListener("focusin", (event) => {
    const link = event.target.closest?.("table.cal td a");
    if (link && link !== tapped) explain(link);
  });

  /* Names to choose from come while one is typed: a page does not carry those of a whole fleet. */
  let typing = 0;
  const suggest = (field) => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const list = field.list;
      if (!list?.dataset.source) return;
      try {
        const answer = await fetch(`${list.dataset.source}?q=${encodeURIComponent(field.value)}`, { credentials: "same-origin" });
        const names = answer.ok ? await answer.json() : [];
        list.replaceChildren(...names.map(([server, note]) => {
          const option = new Option(note ?? "", server);
          if (note) option.label = `${server} · ${note}`;
          return option;
        }));
      } catch {
        // A name can be typed as well.
      }
    }, 150);
  };
  for (const happening of ["focusin", "input"]) {
    document.addEventListener(happening, (event) => {
      if (event.target.matches?.("input[list=servers]")) suggest(event.target);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]:not([contenteditable=false])")) return;
    const field = document.querySelector("input[type=search]") ?? document.querySelector("input[list=servers]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  });

  /* A chart that is wider than the screen fades out where it goes on. */
  const cue = (chart) => {
    const rest = chart.scrollWidth - chart.clientWidth;
    chart.toggleAttribute("data-before", chart.scrollLeft > 2);
    chart.toggleAttribute("data-behind", chart.scrollLeft < rest - 2);
    chart.toggleAttribute("data-wide", rest > 2);
  };
  const cues = () => document.querySelectorAll("figure.chart").forEach(cue);
  document.addEventListener("scroll", (event) => {
    if (event.target.matches?.("figure.chart")) cue(event.target);
  }, { capture: true, passive: true });
  addEventListener("resize", cues);

  /* Scrolls a cell out from under the head and the first column, which stay where they are. */
  const reveal = (link) => {
    const region = link.closest(".scroll");
    const table = link.closest("table");
    const [cell, view] = [link.getBoundingClientRect(), region.getBoundingClientRect()];
    const left = view.left + table.tBodies[0].querySelector("th").offsetWidth;
    const top = view.top + table.tHead.offsetHeight;
    if (link.closest("td")) {
      if (cell.left < left) region.scrollLeft -= left - cell.left;
      else if (cell.right > view.left + region.clientWidth) region.scrollLeft += cell.right - view.left - region.clientWidth;
    }
    if (link.closest("thead")) return;
    if (cell.top < top) region.scrollTop -= top - cell.top;
    else if (cell.bottom > view.top + region.clientHeight) region.scrollTop += cell.bottom - view.top - region.clientHeight;
    link.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  /* The newest days are at the right: on a narrow screen they are what is looked at first. */
  const ready = () => {
    document.querySelectorAll("table.cal").forEach(rove);
    for (const chart of document.querySelectorAll("figure.newest")) {
      if (!chart.dataset.moved) chart.scrollLeft = chart.scrollWidth;
      chart.dataset.moved = "1";
    }
    cues();
    document.dispatchEvent(new Event("chart-refresh"));
    wait();
  };

  for (const region of document.querySelectorAll("#calendar")) region.scrollLeft = region.scrollWidth;
  ready();
  if (body.dataset.events) listen();
})();
