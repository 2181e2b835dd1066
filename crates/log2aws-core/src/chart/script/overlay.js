/* The picture of a day, and what is laid over it. */

const SVG = "http://www.w3.org/2000/svg";
const SHEET = "svg{display:block}.data *{vector-effect:non-scaling-stroke}.cross{stroke:currentColor;opacity:.6}";

const shape = (name, parent, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

/* Puts the drawing `svg` with its sheet `css` into the figure, and the empty parts over it. */
const overlay = (figure, svg, css, live) => {
  const picture = figure.querySelector("img, svg");
  const box = make("div", "chart-live", figure);
  const host = make("div", "chart-picture", box);
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", picture.alt ?? svg.querySelector("desc").textContent);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [css, SHEET].map((rules) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    return sheet;
  });
  // The host has its name; a title would be shown as a tooltip.
  svg.querySelectorAll("title, desc").forEach((part) => part.remove());
  svg.removeAttribute("role");
  svg.setAttribute("aria-hidden", "true");
  root.append(svg);
  const [span, time] = ["chart-span", "chart-time"].map((name) => make("div", name, box));
  for (const part of [span, time]) part.hidden = true;
  make("p", "chart-caption", box).textContent = live.caption;
  const spoken = make("p", "chart-unseen", figure);
  spoken.setAttribute("aria-live", "polite");
  const help = make("div", "chart-help", box);
  help.hidden = true;
  const keys = make("dl", "", help);
  for (const [key, what] of live.words.keys) {
    const row = make("div", "", keys);
    make("dt", "", row).textContent = key;
    make("dd", "", row).textContent = what;
  }
  return { picture, box, host, span, time, spoken, help };
};
