/* Numbers and scales as the drawing has them: see scale.rs. */

const DECIMAL = [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"], [1e12, "T"], [1e15, "P"], [1e18, "E"]];
const BINARY = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].map((name, power) => [1024 ** power, name]);

const short = (value, units, first, space) => {
  const [size, name] = units.findLast(([least]) => value >= least && value >= first) ?? units[0];
  const amount = value / size;
  let text = amount.toFixed(amount < 10 ? 2 : amount < 100 ? 1 : 0);
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return name ? text + space + name : text;
};
const number = (value) => short(value, DECIMAL, 10_000, "");
const written = (value, panel) => {
  if (value === null || value === undefined) return "–";
  if (panel.drawn.scale[0] === "kibibytes") return short(value, BINARY, 1024, " ");
  return panel.unit === "%" ? `${number(value)} %` : number(value);
};
const scaleOf = (kind, max) => {
  if (kind === "percent") return { top: 100, step: 25, unit: DECIMAL[0] };
  const binary = kind === "kibibytes";
  const units = binary ? BINARY : DECIMAL;
  const most = max >= 0.01 ? max : 1;
  const unit = units.findLast(([size]) => most >= size && most >= (binary ? 1024 : 10_000)) ?? units[0];
  const least = most / unit[0] / 4;
  const power = 10 ** Math.floor(Math.log10(least));
  let step = ([1, 2, 2.5, 5].find((digit) => least / power <= digit + 1e-9) ?? 10) * power * unit[0];
  if (kind !== "numbers") step = step === 2.5 ? 2 : Math.max(step, 1);
  return { top: Math.max(Math.ceil(most / step - 1e-9), 1) * step, step, unit };
};
const scaleTicks = ({ top, step, unit: [size, name] }) => {
  const whole = (digits) => {
    const scaled = (step / size) * 10 ** digits;
    return Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(scaled, 1);
  };
  const digits = [0, 1, 2, 3, 4, 5].find(whole) ?? 6;
  const carried = name.length === 1 ? name : "";
  const count = Math.min(Math.round(top / step), 11);
  return Array.from({ length: count + 1 }, (_, index) => {
    const value = index * step;
    return [value, (value / size).toFixed(digits) + (value > 0 ? carried : "")];
  });
};
