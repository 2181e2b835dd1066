/* Pointer, wheel and keys on a day's chart. */

const DRAG = 6; // pixels: less is a click
const WHEEL = 1000; // milliseconds without a turn of the wheel after which Back has a new step

const sorted = (a, b) => (a < b ? [a, b] : [b, a]);

/* Makes `chart` follow what is done in its figure. `drag.from` is the second at which a drag began, or
   null. */
const listen = (figure, { box, span, spoken, help }, drag, chart) => {
  const { seconds, words, x, secondAt, inside, lookAll, hideAll, cover, speak, between, zoom, whole } = chart;
  let turned = 0; // when the wheel was turned last

  box.addEventListener("pointermove", (event) => {
    const now = secondAt(event);
    if (drag.from !== null) cover(...sorted(drag.from, now));
    lookAll(now);
  });
  box.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, .chart-help")) return;
    lookAll(secondAt(event));
    if (event.pointerType === "touch" || event.button !== 0) return;
    drag.from = secondAt(event);
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointerup", (event) => {
    if (drag.from === null) return;
    const [a, b] = sorted(drag.from, secondAt(event));
    drag.from = null;
    span.hidden = true;
    if (x(b) - x(a) >= DRAG) between(a, b);
  });
  box.addEventListener("pointercancel", hideAll);
  box.addEventListener("pointerleave", (event) => {
    if (drag.from === null && event.pointerType !== "touch") hideAll();
  });
  box.addEventListener("dblclick", (event) => {
    if (!event.target.closest("button, .chart-help")) whole();
  });
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    const push = event.timeStamp - turned > WHEEL;
    turned = event.timeStamp;
    zoom(event.deltaY < 0 ? 0.8 : 1.25, secondAt(event), push);
  }, { passive: false });
  figure.addEventListener("blur", () => figure.isConnected && hideAll());
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [first, behind] = inside();
    const at = chart.at();
    const move = (index) => {
      if (first < behind) lookAll(seconds[clamp(index, first, behind - 1)]);
      speak(false, at);
    };
    const step = (way) => {
      if (at < 0) return move(way > 0 ? first : behind - 1);
      const far = lower(seconds, seconds[at] + way * HOUR);
      return move(event.shiftKey && far !== at ? far : at + way);
    };
    const acts = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      Home: () => move(first),
      End: () => move(behind - 1),
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      0: whole,
      "?": () => {
        help.hidden = !help.hidden;
        spoken.textContent = help.hidden ? "" : words.keys.map((key) => key.join(": ")).join(", ");
      },
      Escape: () => {
        help.hidden = true;
        spoken.textContent = "";
        hideAll();
      },
      Enter: () => speak(true),
    };
    const onButton = event.target !== figure && event.key === "Enter";
    if (!Object.hasOwn(acts, event.key) || onButton) return;
    event.preventDefault();
    acts[event.key]();
  });
};
