/* What the scripts of all charts use. */

const HOUR = 3600; // seconds

const make = (name, className, parent) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  parent?.append(element);
  return element;
};

/* The first index whose second is not before `second`. */
const lower = (seconds, second) => {
  let [low, high] = [0, seconds.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seconds[middle] < second) low = middle + 1;
    else high = middle;
  }
  return low;
};

const fill = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/* Once the page is there, and each time that its script has changed it. */
const nowAndOnRefresh = (act) => {
  document.addEventListener("chart-refresh", act);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", act);
  else act();
};
