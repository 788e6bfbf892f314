import { type CompressionCodec, type Compressors, snappyUncompress } from "hyparquet";
import { TooLarge } from "./ranges";

const MOST_PAGE = 64 * 1024 * 1024;

type Codec = (input: Uint8Array, outputLength: number) => Uint8Array;

/** Each codec comes when a file asks for it. All of them are JavaScript: the page's policy allows no WebAssembly. */
const CODECS: Partial<Record<CompressionCodec, () => Promise<Codec>>> = {
  SNAPPY: async () => (input, length) => {
    const output = new Uint8Array(length);
    snappyUncompress(input, output);
    return output;
  },
  GZIP: async () => {
    const { gunzip } = await import("hyparquet-compressors/src/gzip.js");
    return (input, length) => gunzip(input, new Uint8Array(length));
  },
  ZSTD: async () => {
    const { decompress } = await import("fzstd");
    return (input, length) => decompress(input, new Uint8Array(length));
  },
  BROTLI: async () => (await import("hyparquet-compressors/src/brotli.js")).decompressBrotli,
  LZ4: async () => (await import("hyparquet-compressors/src/lz4.js")).decompressLz4,
  LZ4_RAW: async () => (await import("hyparquet-compressors/src/lz4.js")).decompressLz4Raw,
};

/** The decompressors for these codecs; none of them makes more of a page than can be looked at. */
export async function decompressors(names: Iterable<CompressionCodec>): Promise<Compressors> {
  const found: Compressors = {};
  for (const name of new Set(names)) {
    const codec = await CODECS[name]?.();
    if (!codec) continue;
    found[name] = (input, outputLength) => {
      if (!(outputLength >= 0 && outputLength <= MOST_PAGE))
        throw new TooLarge("One of its pages is too large.");
      return codec(input, outputLength);
    };
  }
  return found;
}
