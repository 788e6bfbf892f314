import type uPlot from "uplot";
import type { Curve } from "./series";

/** A curve as it is drawn. `line` is what is shown, `raw` what was measured before smoothing. */
export interface Drawn {
  curve: Curve;
  color: string;
  label: string;
  line: Float64Array;
  raw: Float64Array | null;
  dashed?: boolean;
}

/** Draws all curves on the plot's canvas: bands below, faint raw lines, lines on top, the focused one last. */
export function paint(plot: uPlot, drawn: readonly Drawn[], focus: string | null): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "round";
  const ratio = window.devicePixelRatio || 1;
  const ordered = focus
    ? [...drawn].sort((a, b) => Number(a.curve.id === focus) - Number(b.curve.id === focus))
    : drawn;
  for (const each of ordered) {
    const dim = focus !== null && each.curve.id !== focus ? 0.18 : 1;
    if (!each.raw) band(plot, each, 0.14 * dim);
    if (each.raw) line(plot, each, each.raw, 0.22 * dim, ratio);
    line(plot, each, each.line, dim, ratio * (each.curve.id === focus ? 2.2 : 1.5));
  }
  ctx.restore();
}

function band(plot: uPlot, { curve, color }: Drawn, alpha: number): void {
  const { ctx } = plot;
  ctx.globalAlpha = alpha;
  ctx.fillStyle = color;
  let from = 0;
  while (from < curve.x.length) {
    while (from < curve.x.length && !Number.isFinite(curve.low[from]!)) from += 1;
    let to = from;
    while (to < curve.x.length && Number.isFinite(curve.low[to]!)) to += 1;
    if (to - from > 1) {
      ctx.beginPath();
      for (let at = from; at < to; at += 1) ctx.lineTo(xOf(plot, curve.x[at]!), yOf(plot, curve.high[at]!));
      for (let at = to - 1; at >= from; at -= 1)
        ctx.lineTo(xOf(plot, curve.x[at]!), yOf(plot, curve.low[at]!));
      ctx.fill();
    }
    from = to + 1;
  }
  ctx.globalAlpha = 1;
}

function line(
  plot: uPlot,
  { curve, color, dashed }: Drawn,
  values: Float64Array,
  alpha: number,
  width: number,
): void {
  const { ctx } = plot;
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = width;
  ctx.setLineDash(dashed ? [width * 4, width * 3] : []);
  ctx.beginPath();
  let pen = false;
  const lonely: number[] = [];
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]!;
    if (!Number.isFinite(value)) {
      pen = false;
      continue;
    }
    const x = xOf(plot, curve.x[at]!);
    const y = yOf(plot, value);
    if (pen) ctx.lineTo(x, y);
    else {
      ctx.moveTo(x, y);
      if (!Number.isFinite(values[at + 1] ?? Number.NaN)) lonely.push(x, y);
    }
    pen = true;
  }
  ctx.stroke();
  // A point between two gaps has no line to be seen by.
  for (let at = 0; at < lonely.length; at += 2) {
    ctx.beginPath();
    ctx.arc(lonely[at]!, lonely[at + 1]!, width * 1.6, 0, Math.PI * 2);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

const xOf = (plot: uPlot, value: number): number => plot.valToPos(value, "x", true);

function yOf(plot: uPlot, value: number): number {
  // Canvas coordinates far outside make some drivers drop the whole path.
  const at = plot.valToPos(value, "y", true);
  return Number.isFinite(at) ? Math.max(-20_000, Math.min(20_000, at)) : 20_000;
}
