/* Shows the values of a chart under a pointer or by arrow keys, and asks for a part of the day by
   the event "chart-zoom". It upgrades <figure class="chart">; without it the chart is whole. */
(() => {
  "use strict";

  const HOUR = 3600;
  const DRAG = 6; // pixels: less is a click
  const upgraded = new WeakMap(); // figure -> where its values came from
  let kept = null; // the second that the keyboard was at when it asked for another part of the day

  const make = (name, className, parent) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    parent?.append(element);
    return element;
  };

  const UNITS = { KiB: ["KiB", "MiB", "GiB", "TiB", "PiB"] };

  const written = (value, unit, language) => {
    if (value === null || value === undefined) return "–";
    let size = 0;
    if (UNITS[unit]) {
      for (; value >= 1024 && size + 1 < UNITS[unit].length; size += 1) value /= 1024;
    }
    const digits = value < 100 ? 2 : value < 1000 ? 1 : 0;
    const number = value.toLocaleString(language, { maximumFractionDigits: digits });
    if (UNITS[unit]) return `${number} ${UNITS[unit][size]}`;
    return unit === "%" ? `${number} %` : number;
  };

  /* The index of the point nearest to a second. */
  const nearest = (seconds, second) => {
    let low = 0;
    let high = seconds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seconds[middle] < second) low = middle + 1;
      else high = middle;
    }
    return low > 0 && second - seconds[low - 1] <= seconds[low] - second ? low - 1 : low;
  };

  /* What the clock shows at a second: told by the nearest point, for days on which it is changed. */
  const clock = (values, second) => {
    if (second <= 0) return "00:00";
    let minutes = second / 60;
    if (values.seconds.length) {
      const point = nearest(values.seconds, second);
      const [hour, minute, rest] = values.times[point].split(":").map(Number);
      minutes = hour * 60 + minute + (rest + second - values.seconds[point]) / 60;
    }
    minutes = Math.min(Math.max(Math.round(minutes), 0), 1440);
    const part = (number) => String(number).padStart(2, "0");
    return `${part(Math.floor(minutes / 60))}:${part(minutes % 60)}`;
  };

  const upgrade = async (figure) => {
    const inline = figure.querySelector("script.chart-values");
    const source = inline ? inline.textContent : figure.dataset.values;
    if (!source || upgraded.get(figure)?.source === source) return;
    upgraded.get(figure)?.remove();
    const off = new AbortController();
    const state = { source, remove: () => off.abort() };
    upgraded.set(figure, state);
    let values;
    try {
      if (inline) {
        values = JSON.parse(source);
      } else {
        const answer = await fetch(source, { signal: off.signal, credentials: "same-origin" });
        if (!answer.ok) throw new Error(answer.statusText);
        values = await answer.json();
      }
    } catch {
      // The chart is whole without its values; the next refresh asks again.
      if (upgraded.get(figure) === state) upgraded.delete(figure);
      return;
    }
    if (upgraded.get(figure) === state && !off.signal.aborted) show(figure, values, off, !inline);
  };

  const show = (figure, values, off, asks) => {
    const picture = figure.querySelector("img, svg");
    if (!picture) return;
    const language = document.documentElement.lang || undefined;
    const zooms = asks && values.zoom;
    figure.toggleAttribute("data-zoom", zooms);
    const on = (name, act) => figure.addEventListener(name, act, { signal: off.signal });
    const line = make("div", "chart-line", figure);
    const span = make("div", "chart-span", figure);
    const box = make("div", "chart-box", figure);
    const spoken = make("p", "chart-unseen", figure);
    spoken.setAttribute("aria-live", "polite");
    box.setAttribute("aria-hidden", "true");
    for (const part of [line, span, box]) part.hidden = true;
    off.signal.addEventListener("abort", () => {
      for (const part of [line, span, box, spoken]) part.remove();
    });

    const panels = values.panels.filter((panel) => panel.height > 0);
    const last = values.seconds.length - 1;
    let at = -1;
    let held = null; // where a drag began

    /* The picture as it stands on the page: its place in the figure and the size of its pixels. */
    const placed = () => {
      const inner = picture.getBoundingClientRect();
      const outer = figure.getBoundingClientRect();
      return {
        x: inner.left - outer.left + figure.scrollLeft - figure.clientLeft,
        y: inner.top - outer.top - figure.clientTop,
        left: inner.left,
        scale: inner.width / values.width,
      };
    };
    const left = (second) =>
      values.left + ((second - values.from) / (values.to - values.from)) *
        (values.right - values.left);
    const second = (event) => {
      const { left: edge, scale } = placed();
      const along = ((event.clientX - edge) / scale - values.left) / (values.right - values.left);
      return values.from + Math.min(Math.max(along, 0), 1) * (values.to - values.from);
    };
    const stretch = (part, from, to) => {
      const { x, y, scale } = placed();
      const top = panels[0].top;
      const bottom = panels[panels.length - 1].top + panels[panels.length - 1].height;
      part.style.left = `${x + left(from) * scale}px`;
      part.style.width = to === undefined ? "" : `${(left(to) - left(from)) * scale}px`;
      part.style.top = `${y + top * scale}px`;
      part.style.height = `${(bottom - top) * scale}px`;
      part.hidden = false;
    };

    /* A drawing that is wider than the screen is scrolled away from the names of its panels. */
    const names = make("div", "chart-names", figure);
    names.setAttribute("aria-hidden", "true");
    off.signal.addEventListener("abort", () => names.remove());
    for (const panel of panels) {
      const name = make("span", "", names);
      name.textContent = panel.title;
      name.style.bottom = `calc(var(--chart-scale) * ${values.height - panel.top + 4}px)`;
    }
    const measure = () => figure.style.setProperty("--chart-scale", placed().scale);
    measure();
    addEventListener("resize", measure, { signal: off.signal });

    const gapAt = (now) => values.gaps.find((gap) => now > gap.from && now < gap.to);

    /* In a gap there is nothing to read off: the box says from when to when, and why. */
    const pointGap = (gap, event) => {
      at = -1;
      line.hidden = true;
      box.replaceChildren();
      make("b", "", box).textContent =
        gap.when ?? `${clock(values, gap.from)}–${clock(values, gap.to)}`;
      make("p", "", box).textContent = gap.why;
      box.hidden = false;
      place(Math.min(Math.max(second(event), gap.from), gap.to), event);
    };

    const fill = () => {
      box.replaceChildren();
      make("b", "", box).textContent = values.times[at];
      const rows = make("tbody", "", make("table", "", box));
      for (const panel of panels) {
        const head = make("th", "", make("tr", "", rows));
        head.colSpan = 2;
        head.textContent = panel.title;
        const unit = UNITS[panel.unit] || panel.unit === "%" ? "" : panel.unit;
        if (unit) head.textContent += ` (${unit})`;
        for (const series of panel.series.filter((one) => !one.hidden)) {
          const row = make("tr", "", rows);
          const name = make("th", "", row);
          const kind = series.mark ? `chart-mark chart-mark-${series.mark}` : `chart-pen chart-pen-${series.pen}`;
          const pen = make("span", kind, name);
          if (panel.fills) pen.classList.add("chart-fill");
          name.append(series.name);
          make("td", "", row).textContent = written(series.values[at], panel.unit, language);
        }
      }
    };

    const point = (index, event) => {
      if (last < 0 || !panels.length) return;
      const moved = at !== index;
      at = Math.min(Math.max(index, 0), last);
      stretch(line, values.seconds[at]);
      if (moved) fill();
      box.hidden = false;
      place(values.seconds[at], event);
    };
    /* Puts the box beside a second, within what is to be seen of the figure. */
    const place = (at, event) => {
      const picturePlace = placed();
      const x = picturePlace.x + left(at) * picturePlace.scale;
      const [start, end] = [figure.scrollLeft, figure.scrollLeft + figure.clientWidth];
      const fits = x + 14 + box.offsetWidth <= end;
      const beside = fits ? x + 14 : Math.max(x - 14 - box.offsetWidth, start);
      const height = picture.getBoundingClientRect().height;
      const y = event
        ? event.clientY - figure.getBoundingClientRect().top - box.offsetHeight / 2
        : picturePlace.y + panels[0].top * picturePlace.scale;
      box.style.left = `${beside}px`;
      box.style.top = `${Math.min(Math.max(y, 0), Math.max(height - box.offsetHeight, 0))}px`;
    };
    const speak = () => {
      const said = panels.flatMap((panel) => panel.series.filter((one) => !one.hidden)
        .map((one) => `${panel.title} ${one.name} ${written(one.values[at], panel.unit, language)}`));
      spoken.textContent = [values.times[at], ...said].join(", ");
    };
    const hide = () => {
      held = null;
      at = -1;
      for (const part of [line, span, box]) part.hidden = true;
      spoken.textContent = "";
    };

    const ask = (from, to) => {
      if (!zooms) return;
      const detail = {
        from: clock(values, from),
        till: to >= values.day ? "24:00" : clock(values, to),
      };
      if (detail.from < detail.till) {
        figure.dispatchEvent(new CustomEvent("chart-zoom", { bubbles: true, detail }));
      }
    };
    const zoom = (factor) => {
      const length = Math.max((values.to - values.from) * factor, 10 * 60);
      const middle = at < 0 ? (values.from + values.to) / 2 : values.seconds[at];
      const from = Math.min(Math.max(middle - length / 2, 0), Math.max(values.day - length, 0));
      kept = zooms && at >= 0 ? values.seconds[at] : null;
      if (length >= values.day) whole();
      else ask(from, from + length);
    };
    const whole = () => {
      const detail = { from: "00:00", till: "24:00" };
      if (zooms) figure.dispatchEvent(new CustomEvent("chart-zoom", { bubbles: true, detail }));
    };

    const read = (now, event) => {
      const gap = gapAt(now);
      if (gap && panels.length) pointGap(gap, event);
      else if (last >= 0) point(nearest(values.seconds, now), event);
    };
    on("pointermove", (event) => {
      const now = second(event);
      if (held !== null) stretch(span, Math.min(held, now), Math.max(held, now));
      read(now, event);
    });
    on("pointerdown", (event) => {
      read(second(event), event);
      if (!zooms || event.pointerType === "touch" || event.button !== 0 || !panels.length) return;
      held = second(event);
      figure.setPointerCapture(event.pointerId);
    });
    on("pointerup", (event) => {
      if (held === null) return;
      const [from, to] = [held, second(event)].sort((a, b) => a - b);
      held = null;
      span.hidden = true;
      const { scale } = placed();
      if ((left(to) - left(from)) * scale >= DRAG) ask(from, to);
    });
    on("pointercancel", hide);
    on("pointerleave", (event) => {
      if (held === null && event.pointerType !== "touch") hide();
    });
    on("dblclick", whole);

    /* In a period a click opens the day, on a touch screen a second tap on it; of a week around the
       time of a sample. */
    let tapped = null;
    const open = (now) => {
      const day = values.days?.find(({ from, to }) => now >= from && now < to);
      if (!day || !asks) return;
      const near = last < 0 ? -1 : nearest(values.seconds, now);
      const here = near >= 0 && Math.abs(values.seconds[near] - now) < HOUR && values.seconds[near] >= day.from;
      const time = here ? / (\d\d:\d\d)$/.exec(values.times[near])?.[1] : undefined;
      const detail = { date: day.date, time };
      figure.dispatchEvent(new CustomEvent("chart-day", { bubbles: true, detail }));
    };
    figure.toggleAttribute("data-days", Boolean(asks && values.days));
    on("click", (event) => {
      const now = second(event);
      const day = values.days?.findIndex(({ from, to }) => now >= from && now < to);
      if (event.pointerType === "touch" && day !== tapped) tapped = day;
      else open(now);
    });
    on("dragstart", (event) => event.preventDefault());
    on("blur", hide);
    on("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || last < 0) return;
      const step = (way) => {
        if (at < 0) return way > 0 ? 0 : last;
        if (!event.shiftKey) return at + way;
        const far = nearest(values.seconds, values.seconds[at] + way * HOUR);
        return far === at ? at + way : far;
      };
      const acts = {
        ArrowLeft: () => point(step(-1)),
        ArrowRight: () => point(step(1)),
        Home: () => point(0),
        End: () => point(last),
        Escape: hide,
        "+": () => zoom(0.5),
        "=": () => zoom(0.5),
        "-": () => zoom(2),
        0: whole,
        Enter: at >= 0 && values.days && (() => open(values.seconds[at])),
      };
      const act = acts[event.key];
      if (!act) return;
      event.preventDefault();
      act();
      if (at >= 0) speak();
    });
    if (kept !== null && last >= 0) {
      point(nearest(values.seconds, kept));
      kept = null;
      speak();
    }
  };

  const all = () => document.querySelectorAll("figure.chart").forEach(upgrade);
  document.addEventListener("chart-refresh", all);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
