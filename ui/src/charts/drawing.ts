import type { XAxis } from "@/app/search";
import { tickNumber } from "@/format/number";
import { duration, exactTime } from "@/format/time";
import type { Drawn } from "./paint";

const MOST_NAMES = 20;

interface Frame {
  title: string;
  axis: XAxis;
  logX: boolean;
  logY: boolean;
  x: [number, number];
  y: [number, number];
}

/** Round numbers within a range, four to eight of them; on a log scale the powers of ten. */
export function ticksOf([from, to]: [number, number], log: boolean): number[] {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to) + 1e-9)];
    const powers = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => 10 ** (first + at));
    if (powers.length >= 2) return powers.filter((_, at) => at % Math.ceil(powers.length / 8) === 0);
    const within = [first - 1, first, last].flatMap((power) =>
      [1, 2, 3, 5, 7].map((each) => each * 10 ** power),
    );
    const found = [...new Set(within.map((each) => Number(each.toPrecision(3))))];
    return found.filter((each) => each >= from && each <= to).sort((a, b) => a - b);
  }
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough) ?? 10);
  const found: number[] = [];
  for (let at = Math.ceil(from / step - 1e-9); at * step <= to + step * 1e-9; at += 1) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const xText = (axis: XAxis, value: number): string =>
  axis === "step"
    ? tickNumber(value)
    : axis === "relative"
      ? duration(value * 1000)
      : exactTime(value * 1000).replace(/,? [A-Z]\S*$/, "");

const X_NAME: Record<XAxis, string> = { step: "step", relative: "elapsed", wall: "time" };

/** The curves as a drawing that a paper can use: axes with round numbers, a grid, a legend. */
export function curvesAsSvg(drawn: readonly Drawn[], frame: Frame): string {
  const [width, height, left, top, right, bottom] = [720, 420, 64, 40, 20, 48];
  const place = (value: number, [from, to]: [number, number], log: boolean) =>
    log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  const sx = (value: number) => left + place(value, frame.x, frame.logX) * (width - left - right);
  const sy = (value: number) => top + (1 - place(value, frame.y, frame.logY)) * (height - top - bottom);
  const inside = (x: number, y: number) =>
    Number.isFinite(y) && x >= frame.x[0] && x <= frame.x[1] && (!frame.logY || y > 0);
  const path = (xs: Float64Array, ys: Float64Array) => {
    let [text, pen] = ["", "M"];
    for (let at = 0; at < ys.length; at += 1) {
      if (inside(xs[at]!, ys[at]!)) {
        text += `${pen}${sx(xs[at]!).toFixed(1)} ${sy(ys[at]!).toFixed(1)}`;
        pen = "L";
      } else pen = "M";
    }
    return text;
  };
  const lines = drawn.map(({ curve, color, line, raw }) => {
    const faint = raw ? `<path d="${path(curve.x, raw)}" stroke="${color}" stroke-opacity="0.25"/>` : "";
    return `${faint}<path d="${path(curve.x, line)}" stroke="${color}"/>`;
  });
  const across = ticksOf(frame.x, frame.logX).map((value) => {
    const at = sx(value).toFixed(1);
    return `<path d="M${at} ${top}V${height - bottom}" stroke="#e5e5e5"/><text x="${at}" y="${height - bottom + 16}" text-anchor="middle">${escapeXml(xText(frame.axis, value))}</text>`;
  });
  const up = ticksOf(frame.y, frame.logY).map((value) => {
    const at = sy(value);
    return `<path d="M${left} ${at.toFixed(1)}H${width - right}" stroke="#e5e5e5"/><text x="${left - 8}" y="${(at + 4).toFixed(1)}" text-anchor="end">${escapeXml(tickNumber(value))}</text>`;
  });
  const named = drawn.slice(0, MOST_NAMES);
  const legend = named.map(({ color, label }, at) => {
    const row = height + 6 + 18 * at;
    return `<rect x="${left}" y="${row}" width="12" height="3" fill="${color}"/><text x="${left + 20}" y="${row + 5}">${escapeXml(label)}</text>`;
  });
  const total = height + 18 * named.length + 12;
  const clip = `<clipPath id="c"><rect x="${left}" y="${top}" width="${width - left - right}" height="${height - top - bottom}"/></clipPath>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="11" fill="#444"><rect width="${width}" height="${total}" fill="#fff"/>${clip}<text x="${left}" y="22" font-size="14" font-weight="600" fill="#111">${escapeXml(frame.title)}</text>${across.join("")}${up.join("")}<g clip-path="url(#c)" fill="none" stroke-width="1.5" stroke-linejoin="round">${lines.join("")}</g><path d="M${left} ${top}V${height - bottom}H${width - right}" fill="none" stroke="#999"/><text x="${(left + width - right) / 2}" y="${height - 12}" text-anchor="middle">${X_NAME[frame.axis]}</text>${legend.join("")}</svg>`;
}

/** What is on the canvas, on the colour that it lies on, under its title and over the names of its curves. */
export function curvesAsPng(
  canvas: HTMLCanvasElement,
  drawn: readonly Drawn[],
  title: string,
): HTMLCanvasElement {
  const ratio = window.devicePixelRatio || 1;
  const named = drawn.slice(0, MOST_NAMES);
  const [head, row] = [32 * ratio, 18 * ratio];
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height + head + row * named.length + 12 * ratio;
  const ctx = copy.getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  ctx.fillStyle = style.getPropertyValue("--surface");
  ctx.fillRect(0, 0, copy.width, copy.height);
  ctx.drawImage(canvas, 0, head);
  ctx.textBaseline = "middle";
  ctx.fillStyle = style.getPropertyValue("--ink");
  ctx.font = `600 ${13 * ratio}px "Inter Variable", sans-serif`;
  ctx.fillText(title, 12 * ratio, head / 2 + 2 * ratio);
  ctx.font = `${11 * ratio}px "Inter Variable", sans-serif`;
  named.forEach(({ color, label }, at) => {
    const y = canvas.height + head + row * (at + 0.5);
    ctx.fillStyle = color;
    ctx.fillRect(12 * ratio, y - 1.5 * ratio, 12 * ratio, 3 * ratio);
    ctx.fillStyle = style.getPropertyValue("--ink-2");
    ctx.fillText(label, 32 * ratio, y);
  });
  return copy;
}
