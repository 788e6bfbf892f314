const two = (number: number): string => String(number).padStart(2, "0");

/** The end of the day of this moment, as a `datetime-local` field writes it. */
export function dayEndText(nowMs: number): string {
  const day = new Date(nowMs);
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}T23:59`;
}

/** The milliseconds of what a `datetime-local` field says; null for what is no time. */
export function localMs(text: string): number | null {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : at;
}
