import { parquetHeader } from "hyparquet/src/column.js";
import { Damaged, type Ranges, TooLarge } from "./ranges";

/** Where the values of one leaf column of one row group are. */
export interface Chunk {
  start: number;
  size: number;
  /** The file has an index of its pages, by which only the needed ones are fetched. */
  isIndexed: boolean;
}

export interface Head {
  content: ArrayBuffer;
  /** It is the whole chunk. */
  isWhole: boolean;
  /** More of it is not fetched, however much is wanted. */
  isLimit: boolean;
}

const FIRST_WINDOW = 4 * 1024;
const MOST_HEADER = 1024 * 1024;
const MOST_HEAD = 24 * 1024 * 1024;
const MOST_PAGES = 20_000;

/**
 * The beginning of a chunk, cut where a page ends, that holds at least so many values: a chunk of hundreds of
 * megabytes is not fetched for its first thousand rows.
 */
export async function headOfChunk(ranges: Ranges, chunk: Chunk, values: number): Promise<Head> {
  const end = chunk.start + chunk.size;
  let at = chunk.start;
  let seen = 0;
  let hasData = false;
  for (let page = 0; at < end && seen < values; page += 1) {
    const header = await pageAt(ranges, at, end);
    if (header.end - chunk.start > MOST_HEAD || page >= MOST_PAGES) {
      if (!hasData) throw new TooLarge("Its values are too large to be fetched here.");
      return { content: await ranges.slice(chunk.start, at), isWhole: false, isLimit: true };
    }
    at = header.end;
    seen += header.values;
    hasData ||= header.values > 0;
  }
  return { content: await ranges.slice(chunk.start, at), isWhole: at >= end, isLimit: false };
}

/** Where the page that begins at `at` ends, and how many values are in it; a dictionary counts as none. */
async function pageAt(ranges: Ranges, at: number, end: number): Promise<{ end: number; values: number }> {
  for (let window = FIRST_WINDOW; ; window *= 8) {
    const view = new DataView(await ranges.slice(at, Math.min(end, at + window)));
    const reader = { view, offset: 0 };
    let header: ReturnType<typeof parquetHeader>;
    try {
      header = parquetHeader(reader);
    } catch {
      if (at + window < end && window < MOST_HEADER) continue;
      throw new Damaged("It contradicts itself: it may be damaged or incomplete.");
    }
    const size = header.compressed_page_size;
    const pageEnd = at + reader.offset + size;
    if (!(size >= 0 && pageEnd <= end)) throw new Damaged("One of its pages is larger than its column.");
    const values = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
    if (values < 0) throw new Damaged("One of its pages has fewer than no values.");
    return { end: pageEnd, values };
  }
}
