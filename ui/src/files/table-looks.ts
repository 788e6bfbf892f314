import type { Cell, TableColumn } from "./cell";

export interface ColumnLook {
  width: number;
  /** Numbers stand on the right. */
  isRight: boolean;
  /** Its cells hold what is seen or heard. */
  media: "image" | "audio" | null;
}

const SAMPLE = 100;
const MOST_SAMPLED = 200_000;
const NARROWEST = 64;
const WIDEST = 340;
const SIGN = 7;
const DIGIT = 7.9;
const PADDING = 26;
const ICON = 22;
const PICTURES = 148;
const PLAYER = 176;

const ROW = 30;
const PLAYER_ROW = 40;
const PICTURE_ROW = 92;

export const isMedium = (cell: Cell): boolean =>
  cell.is === "image" || cell.is === "audio" || cell.is === "video" || cell.is === "html";

/** How wide each column is and where its text stands, from its name and its first rows. */
export function columnLooks(
  columns: readonly TableColumn[],
  rowCount: number,
  cellAt: (row: number, column: number) => Cell,
): ColumnLook[] {
  const rows = Math.min(rowCount, SAMPLE, Math.ceil(MOST_SAMPLED / Math.max(1, columns.length)));
  return columns.map((column, index) => {
    const sample = Array.from({ length: rows }, (_, row) => cellAt(row, index));
    const told = sample.filter((each) => each.is !== "null" && each.is !== "unread");
    const isRight = told.length > 0 && told.every((each) => each.is === "number");
    const kinds = new Set(told.map((each) => each.is));
    if (kinds.has("image")) {
      const most = Math.max(1, ...told.map((each) => 1 + (each.more?.length ?? 0)));
      return { width: Math.min(3, most) * PICTURES, isRight, media: "image" };
    }
    if (kinds.has("audio")) return { width: PLAYER, isRight, media: "audio" };
    // The type of a structure may be long: it is cut, and told on hover.
    const head = Math.max(column.name.length, Math.min(column.type?.length ?? 0, 24) * 0.95);
    const icon = kinds.has("html") || kinds.has("video") ? ICON : 0;
    const longest = Math.max(head, ...told.map((each) => Math.min(each.text.length, 60)));
    return {
      width: Math.max(NARROWEST, Math.min(WIDEST, longest * (isRight ? DIGIT : SIGN) + PADDING + icon)),
      isRight,
      media: null,
    };
  });
}

export function rowHeight(looks: readonly ColumnLook[]): number {
  if (looks.some((each) => each.media === "image")) return PICTURE_ROW;
  return looks.some((each) => each.media === "audio") ? PLAYER_ROW : ROW;
}
