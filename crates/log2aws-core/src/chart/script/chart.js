/* Shows the values of a week or a month under a pointer or by arrow keys, and asks for a day by the
   event "chart-day". It upgrades <figure class="chart">; without it the chart is whole. Behind
   common.js. */

const upgraded = new WeakMap(); // figure -> where its values came from

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
  const at = Math.min(lower(seconds, second), seconds.length - 1);
  return at > 0 && second - seconds[at - 1] <= seconds[at] - second ? at - 1 : at;
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
  const on = (name, act) => figure.addEventListener(name, act, { signal: off.signal });
  const line = make("div", "chart-line", figure);
  const box = make("div", "chart-box", figure);
  const spoken = make("p", "chart-unseen", figure);
  spoken.setAttribute("aria-live", "polite");
  box.setAttribute("aria-hidden", "true");
  for (const part of [line, box]) part.hidden = true;
  off.signal.addEventListener("abort", () => {
    for (const part of [line, box, spoken]) part.remove();
  });

  const panels = values.panels.filter((panel) => panel.height > 0);
  const last = values.seconds.length - 1;
  let at = -1;

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
  const putLine = (second) => {
    const { x, y, scale } = placed();
    const top = panels[0].top;
    const bottom = panels[panels.length - 1].top + panels[panels.length - 1].height;
    line.style.left = `${x + left(second) * scale}px`;
    line.style.top = `${y + top * scale}px`;
    line.style.height = `${(bottom - top) * scale}px`;
    line.hidden = false;
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
    make("b", "", box).textContent = gap.when;
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
    putLine(values.seconds[at]);
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
    at = -1;
    for (const part of [line, box]) part.hidden = true;
    spoken.textContent = "";
  };

  const read = (now, event) => {
    const gap = gapAt(now);
    if (gap && panels.length) pointGap(gap, event);
    else if (last >= 0) point(nearest(values.seconds, now), event);
  };
  const readAt = (event) => read(second(event), event);
  on("pointermove", readAt);
  on("pointerdown", readAt);
  on("pointercancel", hide);
  on("pointerleave", (event) => {
    if (event.pointerType !== "touch") hide();
  });

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
      Enter: at >= 0 && values.days && (() => open(values.seconds[at])),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    if (at >= 0) speak();
  });
};

nowAndOnRefresh(() => document.querySelectorAll("figure.chart").forEach(upgrade));
