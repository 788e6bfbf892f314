import {
  type AsyncBuffer,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadata,
  parquetScan,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import type { Cell } from "../cell";
import { cellOf, dayText, momentText, type Reading } from "./cells";
import { decompressors } from "./codecs";
import { type Chunk, headOfChunk } from "./pages";
import { Damaged, type Ranges, TooLarge } from "./ranges";
import { type ParquetColumn, prepare, typeName } from "./schema";

export interface About {
  rowCount: number;
  groupCount: number;
  codecs: string[];
  writtenBy: string;
  columns: ParquetColumn[];
}

/** What was read of a column: fewer cells than asked for where more would have been too much to fetch. */
export interface ReadColumn {
  cells: Cell[];
  /** Why it ends early, or why nothing of it could be read. */
  problem: string | null;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const FIRST_LOOK = 64 * KIB;
const MOST_FOOTER = 32 * MIB;
const MOST_FETCHED = 96 * MIB;
const MOST_CELL = 2_000;
const MOST_WHOLE_CELL = 2 * MIB;
/** So much text goes to the page at once; when it is used up, cells are cut shorter. */
const MOST_TEXT = 8 * MIB;
const SHORT_CELL = 200;
/** Chunks up to this size are fetched whole. */
const SMALL_CHUNK = 256 * KIB;
/** The library fetches the leaves of a nested column together when they are no larger than this. */
const JOINED_CHUNKS = 2 * MIB;
const AT_ONCE = 4;

const decoder = new TextDecoder();
const text = (content: Uint8Array): string => decoder.decode(content);
const untouched = (content: Uint8Array): Uint8Array => content;

const PARSERS: ParquetParsers = {
  timestampFromMilliseconds: (units) => momentText(BigInt(units), 1_000n),
  timestampFromMicroseconds: (units) => momentText(BigInt(units), 1_000_000n),
  timestampFromNanoseconds: (units) => momentText(BigInt(units), 1_000_000_000n),
  dateFromDays: dayText,
  stringFromBytes: text,
  jsonFromBytes: text,
  geometryFromBytes: untouched,
  geographyFromBytes: untouched,
  uuidFromBytes: (content) => {
    const hex = [...content.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};

/** A Parquet file of which only its footer and what is looked at is read. */
export class ParquetReader {
  readonly about: About;
  readonly #ranges: Ranges;
  readonly #metadata: FileMetaData;
  readonly #readings: Reading[];
  readonly #compressors: Compressors;
  readonly #smallChunk: number;

  private constructor(ranges: Ranges, metadata: FileMetaData, compressors: Compressors, smallChunk: number) {
    const children = parquetSchema(metadata).children;
    this.#ranges = ranges;
    this.#smallChunk = smallChunk;
    this.#metadata = metadata;
    this.#compressors = compressors;
    this.about = {
      rowCount: metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0),
      groupCount: metadata.row_groups.length,
      codecs: codecsOf(metadata),
      writtenBy: (metadata.created_by ?? "").slice(0, 200),
      columns: children.map((each) => ({ name: each.element.name, type: typeName(each) })),
    };
    this.#readings = children.map(prepare);
  }

  /** Reads the footer. Raises Damaged or TooLarge. */
  static async open(ranges: Ranges, smallChunk = SMALL_CHUNK): Promise<ParquetReader> {
    ranges.allow(MOST_FOOTER + MIB);
    const metadata = await readFooter(ranges);
    if (!metadata.schema[0] || !metadata.row_groups.every(isSane))
      throw new Damaged("Its footer contradicts itself.");
    return new ParquetReader(ranges, metadata, await decompressors(codecsOf(metadata)), smallChunk);
  }

  /** Some rows of some columns. A column that cannot be read says why; the others are read all the same. */
  async rows(from: number, count: number, firstColumn: number, columnCount: number): Promise<ReadColumn[]> {
    this.#ranges.allow(MOST_FETCHED);
    const to = Math.min(from + count, this.about.rowCount);
    const wanted = this.about.columns.slice(firstColumn, firstColumn + columnCount);
    const found: ReadColumn[] = new Array(wanted.length);
    let written = 0;
    const most = () => (written > MOST_TEXT ? SHORT_CELL : MOST_CELL);
    const onText = (length: number) => {
      written += length;
    };
    let next = 0;
    const work = async () => {
      for (let at = next++; at < wanted.length; at = next++)
        found[at] = await this.#column(firstColumn + at, from, to, most, onText);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return found;
  }

  /** One value in full, as far as a person would read it. */
  async cell(row: number, column: number): Promise<Cell> {
    this.#ranges.allow(MOST_FETCHED);
    const { cells, problem } = await this.#column(column, row, row + 1, () => MOST_WHOLE_CELL);
    if (!cells[0]) throw new TooLarge(problem ?? "The value could not be read.");
    return cells[0];
  }

  async #column(
    column: number,
    from: number,
    to: number,
    most: () => number,
    onText: (length: number) => void = () => {},
  ): Promise<ReadColumn> {
    const cells: Cell[] = [];
    const reading = this.#readings[column]!;
    try {
      for (const part of groupsBetween(this.#metadata.row_groups, from, to)) {
        const { values, isShort } = await this.#values(column, part);
        for (const value of values) {
          const cell = cellOf(value, reading, most());
          onText(cell.text.length);
          cells.push(cell);
        }
        if (isShort) return { cells, problem: "The rest of this column is too large to be fetched here." };
      }
      return { cells, problem: null };
    } catch (error) {
      return { cells, problem: reasonOf(error) };
    }
  }

  /** The values of one column in a part of one row group; fewer where the rest would be too much. */
  async #values(
    column: number,
    part: GroupPart,
  ): Promise<{ values: ArrayLike<unknown> & Iterable<unknown>; isShort: boolean }> {
    const { name } = this.about.columns[column]!;
    const chunks = chunksOf(part.group, name);
    const isNested = this.#readings[column]!.as === "nested";
    const wanted = part.to - part.from;
    // Of a nested value it is not known where it ends until the next one begins.
    const end = isNested ? Math.min(part.to + 1, part.rows) : part.to;
    const isNarrow = part.from > 0 || end < part.rows;
    const small = chunks.length > 1 ? Math.max(this.#smallChunk, JOINED_CHUNKS) : this.#smallChunk;
    const isWholly = (chunk: Chunk) => (chunk.isIndexed && isNarrow) || chunk.size <= small;
    let values = end;
    for (;;) {
      const heads = await Promise.all(
        chunks.map((chunk) => (isWholly(chunk) ? null : headOfChunk(this.#ranges, chunk, values))),
      );
      const read = await this.#decode(name, part, end, chunks, heads);
      const isWhole = heads.every((head) => head === null || head.isWhole);
      const sure = isNested && !isWhole && read.length < end - part.from ? read.length - 1 : read.length;
      if (isWhole || sure >= wanted) return { values: read.slice(0, wanted), isShort: false };
      if (heads.every((head) => head === null || head.isWhole || head.isLimit))
        return { values: read.slice(0, Math.max(0, sure)), isShort: true };
      values *= 4;
    }
  }

  async #decode(
    name: string,
    part: GroupPart,
    end: number,
    chunks: readonly Chunk[],
    heads: readonly ({ content: ArrayBuffer } | null)[],
  ): Promise<DecodedArray> {
    const ranges = this.#ranges;
    const file: AsyncBuffer = {
      byteLength: ranges.byteLength,
      slice: (from, to = ranges.byteLength) => {
        const at = chunks.findIndex((each) => each.start === from && each.start + each.size === to);
        return heads[at]?.content ?? ranges.slice(from, to);
      },
    };
    const scan = await parquetScan({
      file,
      metadata: this.#metadata,
      columns: [name],
      rowStart: part.first + part.from,
      rowEnd: part.first + end,
      compressors: this.#compressors,
      parsers: PARSERS,
      utf8: false,
      useOffsetIndex: true,
    });
    return scan.readColumn({ column: name, rowStart: part.first + part.from, rowEnd: part.first + end });
  }
}

async function readFooter(ranges: Ranges): Promise<FileMetaData> {
  const size = ranges.byteLength;
  if (size < 12) throw new Damaged("It is too short.");
  let content = await ranges.slice(Math.max(0, size - FIRST_LOOK), size);
  const view = new DataView(content, content.byteLength - 8);
  const magic = view.getUint32(4, true);
  if (magic === 0x45524150) throw new Damaged("It is encrypted.");
  if (magic !== 0x31524150)
    throw new Damaged("It does not end as Parquet files do: it may have been cut off.");
  const length = view.getUint32(0, true) + 8;
  if (length > size) throw new Damaged("Its footer would be larger than the file.");
  if (length > MOST_FOOTER) throw new TooLarge("The description of its columns alone is too large.");
  if (length > content.byteLength) content = await ranges.slice(size - length, size);
  return parquetMetadata(content, { parsers: PARSERS, geoparquet: false });
}

/** What the library takes for granted. */
function isSane(group: RowGroup): boolean {
  const rows = Number(group.num_rows);
  if (!Number.isSafeInteger(rows) || rows < 0) return false;
  return group.columns.every(({ meta_data: meta }) => meta !== undefined && meta.total_compressed_size >= 0);
}

const codecsOf = (metadata: FileMetaData) => [
  ...new Set(metadata.row_groups.flatMap((group) => group.columns.map((each) => each.meta_data!.codec))),
];

interface GroupPart {
  group: RowGroup;
  /** The number of its first row in the file. */
  first: number;
  rows: number;
  /** Which of its rows are wanted, counted from its own first. */
  from: number;
  to: number;
}

function groupsBetween(groups: readonly RowGroup[], from: number, to: number): GroupPart[] {
  const found: GroupPart[] = [];
  let first = 0;
  for (const group of groups) {
    const rows = Number(group.num_rows);
    const part = { group, first, rows, from: Math.max(0, from - first), to: Math.min(rows, to - first) };
    if (part.from < part.to) found.push(part);
    first += rows;
  }
  return found;
}

function chunksOf(group: RowGroup, name: string): Chunk[] {
  return group.columns.flatMap((column) => {
    const meta = column.meta_data!;
    if (meta.path_in_schema[0] !== name) return [];
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const isIndexed = !!column.offset_index_offset && !!column.offset_index_length;
    return [{ start, size: Number(meta.total_compressed_size), isIndexed }];
  });
}

/** Why something could not be read, for a person. */
export function reasonOf(error: unknown): string {
  if (error instanceof TooLarge || error instanceof Damaged) return error.message;
  const told = error instanceof Error ? error.message : String(error);
  if (/unsupported|not supported/.test(told))
    return `Its form is not known here: ${told.replace(/^parquet /, "")}.`;
  return "It contradicts itself: it may be damaged or incomplete.";
}
