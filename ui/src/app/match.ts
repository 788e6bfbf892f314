/**
 * How well a text answers what was typed: 0 when its letters do not occur in order. Beginnings of words and
 * unbroken stretches count more, long texts a little less.
 */
export function matchScore(text: string, typed: string): number {
  const hay = text.toLowerCase();
  const needle = typed.toLowerCase();
  const whole = hay.indexOf(needle);
  if (whole === 0) return 1000 - hay.length;
  if (whole > 0) return (isStart(hay, whole) ? 800 : 600) - hay.length;
  let score = 100;
  let from = 0;
  for (const letter of needle) {
    if (letter === " ") continue;
    const at = hay.indexOf(letter, from);
    if (at < 0) return 0;
    score += isStart(hay, at) ? 10 : at === from ? 5 : -(at - from);
    from = at + 1;
  }
  return Math.max(1, score);
}

const isStart = (text: string, at: number): boolean => at === 0 || /[\s/_.-]/.test(text[at - 1] ?? "");
