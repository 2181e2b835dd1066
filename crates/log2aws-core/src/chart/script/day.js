/* A day's chart in the browser: another part of the day, values at a time, and chosen series,
   without asking the server. It takes over the drawing of the server: what is drawn to scale is
   stretched, text and grid are set anew. It upgrades <figure class="chart day">; without it the
   picture there is whole. The state is in the figure's data-from, data-till and data-hide. Behind
   common.js, scale.js, clock.js, overlay.js and input.js. */

const LEAST = 10; // minutes: what is drawn is exact to a tenth of a pixel of the whole day
const STRIP = 20; // pixels above the panels, for the time and the names of marks
const NARROW = 600; // pixels: a phone, with smaller margins
const TICK = 73; // pixels: the least between two times of the axis
const PAPER = 680; // pixels of A4 upright between its margins
const charts = new Map(); // figure -> what show() gave, or null while it is being read

const read = async (url) => {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.text();
};

const upgrade = async (figure) => {
  if (charts.has(figure)) return charts.get(figure)?.set(figure.dataset);
  charts.set(figure, null);
  const inline = figure.querySelector("script.chart-values");
  let texts;
  try {
    texts = inline
      ? [figure.querySelector("svg").outerHTML, inline.textContent]
      : await Promise.all([read(figure.dataset.drawing), read(figure.dataset.values)]);
  } catch {
    // The picture is whole without this; the next refresh tries again.
    return charts.delete(figure);
  }
  const [drawing, json] = texts;
  if (!figure.isConnected) return charts.delete(figure);
  // The page's policy allows no sheet in a document, but one that a script makes.
  const [sheet, css] = drawing.match(/<style>([^]*?)<\/style>/);
  const type = inline ? "text/html" : "image/svg+xml";
  const svg = new DOMParser().parseFromString(drawing.replace(sheet, ""), type).querySelector("svg");
  charts.set(figure, show(figure, document.adoptNode(svg), css, JSON.parse(json)));
};

const show = (figure, svg, css, values) => {
  const { live, seconds, day, left } = values;
  const words = live.words;
  const panels = values.panels.filter((panel) => panel.drawn);
  const last = seconds.length - 1;
  const drawnWidth = values.right - left;
  let [from, to] = [0, day]; // seconds of the day
  let hidden = new Set();
  let at = -1; // the point under the line
  const drag = { from: null };
  let [width, right, edge] = [0, 0, 0]; // of the picture, in pixels: width, end of the plots, start

  const { clock, text, minuteOf, start, end, named } = clockOf(live.clock, day);

  const parts = overlay(figure, svg, css, live);
  const { picture, box, host, span, time, spoken } = parts;
  const under = svg.querySelector("rect.bg");
  const subtitle = svg.querySelector(".h2");
  const above = (subtitle ? 66 : 0) + STRIP;
  svg.querySelectorAll(":scope > g.labels").forEach((group) => group.remove());
  const patterns = [...svg.querySelectorAll("pattern")].map((pattern) => [
    pattern, pattern.getAttribute("patternTransform") ?? "",
  ]);
  const groups = [...svg.querySelectorAll("g.panel")];
  const labels = shape("g", svg, {});
  const clips = svg.querySelector("defs");
  panels.forEach((panel, index) => {
    const group = groups[index];
    panel.group = group;
    const [grid, ...rest] = group.querySelectorAll("g.labels");
    rest.forEach((part) => part.remove());
    grid.replaceChildren();
    panel.grid = shape("path", grid, { class: "g" });
    panel.base = shape("path", grid, { class: "f" });
    panel.clip = shape("rect", shape("clipPath", clips, { id: `clip-${panel.id}` }), {});
    group.setAttribute("clip-path", `url(#clip-${panel.id})`);
    panel.cross = shape("path", group, { class: "cross" });
    panel.fillPaths = [...group.querySelectorAll(".a1, .a2, .a3, .a4")].map((path) => [
      path, path.getAttribute("d"),
    ]);
    legend(panel);
  });

  /* A panel's head: its series can be switched off and on. */
  function legend(panel) {
    panel.legend = make("div", "chart-legend", box);
    panel.legend.setAttribute("role", "group");
    panel.name = make("b", "", panel.legend);
    panel.unitText = make("small", "", panel.legend);
    panel.legend.setAttribute("aria-label", panel.title);
    panel.name.textContent = panel.title;
    panel.buttons = panel.height ? panel.series.map((series) => {
      const button = make("button", "", panel.legend);
      button.type = "button";
      const pen = make("span", `chart-pen chart-pen-${series.pen}`, button);
      if (panel.fills) pen.classList.add("chart-fill");
      make("span", "chart-name", button).textContent = series.name;
      button.append(" ");
      button.addEventListener("click", () => {
        const next = new Set(hidden);
        if (!next.delete(series.id)) next.add(series.id);
        change({ hide: next });
      });
      return { series, button, value: make("span", "chart-value", button) };
    }) : [];
    if (panel.band) {
      const usual = make("small", "chart-note", panel.legend);
      make("span", "chart-pen chart-band", usual);
      usual.append(panel.band.name);
    }
    if (panel.drawn.note) make("small", "chart-note", panel.legend).textContent = panel.drawn.note;
  }

  /* Where things are. */
  const x = (second) => left + ((second - from) / (to - from)) * (right - left);
  // Where a point is drawn: a tenth of a pixel of the whole day.
  const pointX = (second) =>
    x((Math.floor((second / day) * drawnWidth * 10) / (drawnWidth * 10)) * day);
  const secondAt = (event) => {
    const along = event.clientX - host.getBoundingClientRect().left + edge - left;
    return from + clamp(along / (right - left), 0, 1) * (to - from);
  };
  const inside = () => [lower(seconds, from), lower(seconds, to + 1)];
  const shown = (panel) => panel.series.filter((series) => !hidden.has(series.id));
  const gapAt = (second) => values.gaps.find((gap) => second > gap.from && second < gap.to);

  /* The highest value in the part that is shown; `crossing` includes where lines cross its edges. */
  const highest = (series, crossing) => {
    const [first, behind] = inside();
    let max = null;
    for (let index = first; index < behind; index += 1) {
      const value = series.values[index];
      if (value !== null && (max === null || value > max)) max = value;
    }
    for (const [index, second] of crossing ? [[first, from], [behind, to]] : []) {
      const [a, b] = [series.values[index - 1] ?? null, series.values[index] ?? null];
      const step = seconds[index] - seconds[index - 1];
      if (a === null || b === null || step > live.longest || seconds[index] <= second) continue;
      max = Math.max(max ?? 0, a + ((b - a) * (second - seconds[index - 1])) / step);
    }
    return max;
  };
  const scale = (panel) => {
    let max = Math.max(0, ...shown(panel).map((series) => highest(series, true) ?? 0));
    if (panel.band && !hidden.has(panel.series[0].id)) {
      const within = (second) => second >= from && second <= to;
      max = Math.max(max, ...panel.band.high.filter((_, index) => within(panel.band.seconds[index])));
    }
    if (panel.id === "load") {
      max = Math.max(max, live.up_to ?? 0);
      const most = live.up_to ? max : Math.max(max, 1) * live.most_cores;
      panel.cores = live.cores && live.cores[0] <= most ? live.cores : null;
      panel.name.textContent = live.cores && !panel.cores
        ? fill(words.above, { title: panel.title, cores: live.cores[1] }) : panel.title;
      max = Math.max(max * 1.06, panel.cores?.[0] ?? 0);
    }
    return scaleOf(panel.drawn.scale[0], max);
  };

  /* Puts the panels below one another, for the width that there is. */
  const layout = (wanted) => {
    width = Math.max(Math.floor(wanted), 260);
    const narrow = width < NARROW;
    edge = narrow ? 22 : 0;
    right = edge + width - (narrow ? 54 : values.width - values.right);
    box.style.setProperty("--chart-left", `${left - edge}px`);
    let y = above;
    for (const panel of panels) {
      panel.legend.style.top = `${y}px`;
      panel.legend.style.width = `${width - left + edge}px`;
      y += panel.legend.offsetHeight + 3;
      panel.y = y;
      panel.group.setAttribute("transform", `translate(0 ${y - panel.top})`);
      y += panel.height ? panel.height + STRIP : 5;
    }
    for (const [name, value] of Object.entries({ width, height: y, viewBox: `${edge} 0 ${width} ${y}` })) {
      svg.setAttribute(name, value);
    }
    for (const [name, value] of Object.entries({ x: edge, width, height: y })) under.setAttribute(name, value);
    const plotted = panels.filter((panel) => panel.height);
    const bottom = plotted.length ? plotted.at(-1).y + plotted.at(-1).height : above;
    span.style.top = `${above}px`;
    span.style.height = `${bottom - above}px`;
    time.style.top = `${above - STRIP}px`;
    draw();
  };

  const draw = () => {
    const stretch = ((right - left) / drawnWidth) * (day / (to - from));
    const shift = left - (left + (from / day) * drawnWidth) * stretch;
    for (const [pattern, turn] of patterns) pattern.setAttribute("patternTransform", `scale(${1 / stretch} 1) ${turn}`);
    const most = Math.max(Math.floor((right - left) / TICK), 2);
    const times = ticksOf({ clock, text }, from, to, day, most);
    labels.replaceChildren();
    for (const panel of panels.filter((one) => one.height)) drawPanel(panel, stretch, shift, times);
    drawMarks();
    if (subtitle) {
      const [date, ofDay, whole] = live.subtitle;
      subtitle.textContent = [date, ...(said() ? [said(), ofDay] : [whole])].join(" · ");
    }
    legends();
    if (at >= 0) point(at);
  };

  const drawPanel = (panel, stretch, shift, times) => {
    const { top, height, group } = panel;
    const bottom = top + height;
    const rule = scale(panel);
    const up = panel.drawn.scale[1] / rule.top;
    const put = (part, y, move) => part.setAttribute("transform", `matrix(${stretch} 0 0 ${y} ${shift} ${move})`);
    group.querySelectorAll("g.columns").forEach((part) => put(part, 1, 0));
    group.querySelectorAll("g.data").forEach((part) => put(part, up, bottom * (1 - up)));
    const clip = { x: left, y: top - 2, width: right - left, height: height + 3 };
    for (const [name, value] of Object.entries(clip)) panel.clip.setAttribute(name, value);
    const y = (value) => panel.y + height * (1 - clamp(value / rule.top, 0, 1));
    let grid = "";
    for (const [second, label] of times) {
      grid += `M${x(second)} ${top}v${height}`;
      shape("text", labels, { class: "t m", x: x(second), y: panel.y + height + 14 }, label);
    }
    for (const [value, label] of scaleTicks(rule)) {
      grid += `M${left} ${y(value) - panel.y + top}H${right}`;
      shape("text", labels, { class: "t e", x: left - 8, y: y(value) + 4 }, label);
    }
    panel.grid.setAttribute("d", grid);
    panel.base.setAttribute("d", `M${left} ${bottom}H${right}`);
    panel.unitText.textContent = panel.drawn.scale[0] === "kibibytes" ? rule.unit[1] : panel.unit;
    if (panel.fills) stack(panel);
    else {
      for (const series of panel.series) {
        const off = hidden.has(series.id) ? "none" : "inline";
        const band = series.pen === 1 ? ", .data .band, .data .usual" : "";
        group.querySelectorAll(`.data .p${series.pen}${band}`).forEach((path) => path.setAttribute("display", off));
      }
    }
    if (panel.id === "load") drawLoad(panel, y);
  };

  /* Names of gaps, the cores, and the peak of the 1-minute load. */
  const drawLoad = (panel, y) => {
    const words_ = [];
    for (const gap of values.gaps) {
      const [a, b] = [Math.max(gap.from, from), Math.min(gap.to, to)];
      if (b <= a) continue;
      const word = shape("text", labels, { class: "t m", x: (x(a) + x(b)) / 2, y: panel.y + panel.height / 2 + 4 }, gap.why);
      words_.push([word, x(b) - x(a)]);
    }
    for (const [word, room] of words_) if (word.getComputedTextLength() + 6 > room) word.remove();
    if (panel.cores) shape("text", labels, { class: "k", x: right + 6, y: y(panel.cores[0]) + 4 }, panel.cores[1]);
    const [first, behind] = inside();
    const load = panel.series[0];
    const max = highest(load, false);
    if (!max || hidden.has(load.id)) return;
    const index = load.values.indexOf(max, first);
    if (index >= behind) return;
    const [px, py] = [pointX(seconds[index]), y(max)];
    shape("circle", labels, { class: "ring", cx: px, cy: py, r: 3.6 });
    const peak = fill(words.peak, { load: max < 10_000 ? max.toFixed(2) : number(max), time: named(seconds[index]) });
    const name = shape("text", labels, { class: "o", x: px + 8, y: Math.max(py - 5, panel.y + 11) }, peak);
    if (px + 8 + name.getComputedTextLength() <= right) return;
    name.setAttribute("class", "o e");
    name.setAttribute("x", px - 8);
  };

  const drawMarks = () => {
    let free = -Infinity;
    for (const [second, label] of live.marks) {
      if (second < from || second > to) continue;
      const name = shape("text", labels, { class: "t m", y: above - 6 }, label);
      const half = name.getComputedTextLength() / 2;
      const middle = clamp(x(second), left + half, Math.max(right - half, left + half));
      name.setAttribute("x", middle);
      if (middle - half < free) name.remove();
      else free = middle + half + 8;
    }
  };

  /* The layers of a stack lie upon one another, so without one of them the others are drawn anew. */
  const stack = (panel) => {
    const whole = shown(panel).length === panel.series.length;
    const layer = (path) => Number(path.getAttribute("class").slice(1)) - 1;
    for (const [path, drawn] of panel.fillPaths) {
      const off = hidden.has(panel.series[layer(path)].id);
      path.setAttribute("display", off ? "none" : "inline");
      if (!off) path.setAttribute("d", whole ? drawn : area(panel, layer(path)));
    }
  };
  const area = (panel, layer) => {
    const bottom = panel.top + panel.height;
    const layers = panel.series.slice(0, layer + 1).filter((series) => !hidden.has(series.id));
    const px = (second) => left + (second / day) * drawnWidth;
    const py = (index) => {
      const sum = layers.reduce((height, series) => height + (series.values[index] ?? 0), 0);
      return bottom - (panel.height * Math.min(sum, 100)) / 100;
    };
    const half = Math.max((live.interval / day) * drawnWidth, 3) / 2;
    let [d, begin] = ["", 0];
    for (let index = 0; index <= last; index += 1) {
      if (index < last && seconds[index + 1] - seconds[index] <= live.longest) continue;
      if (begin === index) {
        d += `M${px(seconds[index]) - half} ${bottom}V${py(index)}h${2 * half}V${bottom}z`;
      } else {
        d += `M${px(seconds[begin])} ${bottom}`;
        for (let each = begin; each <= index; each += 1) d += `L${px(seconds[each])} ${py(each)}`;
        d += `V${bottom}z`;
      }
      begin = index + 1;
    }
    return d;
  };

  /* The legends: the values at the line, or the highest ones. */
  const legends = (gap) => {
    for (const panel of panels) {
      for (const { series, button, value } of panel.buttons) {
        const off = hidden.has(series.id);
        button.setAttribute("aria-pressed", String(!off));
        if (off) value.textContent = "";
        else if (gap) value.textContent = "–";
        else if (at >= 0) value.textContent = written(series.values[at], panel);
        else {
          const max = highest(series, false);
          value.textContent = max === null ? words.no_values : `${words.max} ${written(max, panel)}`;
        }
      }
    }
  };

  const cross = (px, label) => {
    for (const panel of panels) panel.cross.setAttribute("d", `M${px} ${panel.top}v${panel.height}`);
    time.textContent = label;
    time.hidden = false;
    time.style.left = `${clamp(px - edge - time.offsetWidth / 2, 0, width - time.offsetWidth)}px`;
  };
  const point = (index) => {
    const [first, behind] = inside();
    if (first >= behind || !panels.length) return hide();
    if (index < first || index >= behind) return hide();
    at = index;
    cross(pointX(seconds[at]), values.times[at]);
    legends();
  };
  const hide = () => {
    drag.from = null;
    at = -1;
    for (const part of [span, time]) part.hidden = true;
    for (const panel of panels) panel.cross.removeAttribute("d");
    legends();
  };
  /* Puts the line at a second; in a gap there is nothing to read, but a reason. */
  const look = (second) => {
    const gap = gapAt(second);
    if (gap) {
      at = -1;
      cross(x(second), `${named(gap.from)}–${gap.to >= day ? "24:00" : named(gap.to)} ${gap.why}`);
      return legends(gap);
    }
    const [first, behind] = inside();
    if (first >= behind) return hide();
    const next = clamp(lower(seconds, second), first, behind - 1);
    const before = Math.max(next - 1, first);
    point(second - seconds[before] < seconds[next] - second ? before : next);
  };
  /* All charts of the page have one line, at the same time of their clocks. */
  const others = (act) => {
    for (const [other, chart] of charts) if (other !== figure) act(chart);
  };
  const lookAll = (second) => {
    look(second);
    others((chart) => chart?.look(clock(second)));
  };
  const hideAll = () => {
    hide();
    others((chart) => chart?.hide());
  };

  const said = () => {
    if (from === 0 && to === day) return "";
    const [first, behind] = inside();
    const counts = live.counts.length ? live.counts : Array(last + 1).fill(1);
    const n = counts.slice(first, behind).reduce((sum, count) => sum + count, 0);
    return fill(words.shown[n === 1 ? 0 : 1], { from: text(minuteOf(from)), till: text(minuteOf(to)), n });
  };

  /* Shows another part or other series: [from, till] in minutes of the clock, a set of series. */
  const apply = (minutes, hide_) => {
    [from, to] = [start(minutes[0]), end(minutes[1])];
    if (to - from < MINUTE) [from, to] = [0, day];
    hidden = hide_;
    draw();
    if (at < 0) hide();
  };
  const state = () => [minuteOf(from), minuteOf(to)];
  const change = ({ minutes = state(), hide: wanted = hidden, push = true }) => {
    const [first, behind] = minutes;
    if (!(first >= 0 && first < behind && behind <= 1440)) return false;
    const dataset = {
      from: first === 0 && behind === 1440 ? "" : text(first),
      till: first === 0 && behind === 1440 ? "" : text(behind),
      hide: [...wanted].join(","),
    };
    for (const [other, chart] of charts) {
      Object.assign(other.dataset, dataset);
      chart?.set(other.dataset);
    }
    const detail = { ...dataset, push, shown: said(), first, behind };
    figure.dispatchEvent(new CustomEvent("chart-view", { bubbles: true, detail }));
    return true;
  };
  /* The part from one second to another, at least ten minutes and within the day. */
  const between = (a, b, push) => {
    const length = clamp(b - a, LEAST * MINUTE, day);
    const first = clamp(a, 0, day - length);
    return change({ minutes: [minuteOf(first), minuteOf(first + length)], push });
  };
  const zoom = (factor, middle, push) => {
    const about = middle ?? (at < 0 ? (from + to) / 2 : seconds[at]);
    const length = clamp((to - from) * factor, LEAST * MINUTE, day);
    // The point keeps its place on the screen.
    return between(about - ((about - from) / (to - from)) * length, about + ((to - about) / (to - from)) * length, push);
  };
  const whole = () => change({ minutes: [0, 1440] });
  const parts_ = {
    back: () => between(from - (to - from), from),
    on: () => between(to, to + (to - from)),
    whole,
  };

  /* What is announced: the time and the first series, which is the load; the rest on demand. */
  const speak = (everything, before) => {
    if (at < 0) return;
    const all = panels.flatMap((panel) => shown(panel).map((series) =>
      `${everything ? `${panel.title} ` : ""}${series.name} ${written(series.values[at], panel)}`));
    const passed = before >= 0 && values.gaps.some((gap) =>
      Math.min(seconds[before], seconds[at]) <= gap.from && gap.to <= Math.max(seconds[before], seconds[at]));
    const parts = [named(seconds[at]), ...(everything ? all : all.slice(0, 1)), ...(passed ? [words.after_gap] : [])];
    spoken.textContent = parts.join(", ");
  };

  /* Marks what a drag has chosen so far. */
  const cover = (a, b) => {
    span.style.left = `${x(a) - edge}px`;
    span.style.width = `${x(b) - x(a)}px`;
    span.hidden = false;
  };
  listen(figure, parts, drag, {
    seconds, words, x, secondAt, inside, at: () => at, lookAll, hideAll, cover, speak, between, zoom, whole,
  });

  const set = ({ from: a, till: b, hide: wanted }) => {
    const minutes = [a, b].map((given) => given?.split(":").reduce((sum, part) => sum * 60 + Number(part), 0));
    const ids = (wanted ?? "").split(",").filter((id) => panels.some((panel) => panel.series.some((one) => one.id === id)));
    apply([minutes[0] || 0, minutes[1] || 1440], new Set(ids));
  };
  let printing = false;
  const fit = () => {
    if (!printing && figure.clientWidth && Math.floor(figure.clientWidth) !== width) layout(figure.clientWidth);
  };
  picture.hidden = true;
  if (picture.tagName !== "IMG") picture.remove();
  figure.classList.add("live");
  layout(figure.clientWidth);
  set(figure.dataset);
  // Only now the legends have their units and values, which decide how many lines they have.
  layout(figure.clientWidth);
  new ResizeObserver(fit).observe(figure);
  addEventListener("beforeprint", () => {
    printing = figure.isConnected;
    if (printing) layout(PAPER);
  });
  addEventListener("afterprint", () => {
    printing = false;
    fit();
  });
  return {
    set,
    hide,
    change,
    parts: parts_,
    look: (seconds_) => {
      const second = start(seconds_ / MINUTE);
      if (second >= from && second <= to) look(second);
      else hide();
    },
  };
};

/* What is beside the chart asks for a part: a link by its name, a form by its times. */
document.addEventListener("chart-part", (event) => {
  const chart = [...charts].find(([figure, one]) => one && figure.isConnected)?.[1];
  const { part, ...wanted } = event.detail;
  if (chart && (part ? chart.parts[part]() : chart.change(wanted))) event.preventDefault();
});

nowAndOnRefresh(() => {
  for (const figure of charts.keys()) if (!figure.isConnected) charts.delete(figure);
  document.querySelectorAll("figure.chart.day").forEach(upgrade);
});
