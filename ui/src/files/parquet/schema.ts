import type { SchemaElement, SchemaTree } from "hyparquet";
import type { TableColumn } from "../cell";
import type { Reading } from "./cells";

export interface ParquetColumn extends TableColumn {
  type: string;
}

const MOST_NAME = 200;

const PER_SECOND = { MILLIS: 1_000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n } as const;
const SHORT = { MILLIS: "ms", MICROS: "µs", NANOS: "ns" } as const;

/** The type of a column as people of data write it: `list<int64>`, `timestamp[µs, UTC]`. */
export function typeName(tree: SchemaTree): string {
  const name = nested(tree, 0);
  return name.length > MOST_NAME ? `${name.slice(0, MOST_NAME)}…` : name;
}

function nested(tree: SchemaTree, depth: number): string {
  const { element, children } = tree;
  if (depth > 8) return "…";
  let name: string;
  if (children.length === 0) name = leafName(element);
  else if (element.logical_type?.type === "VARIANT") name = "variant";
  else if (isList(element)) name = `list<${inner(children, depth)}>`;
  else if (isMap(element))
    name = `map<${(children[0]?.children ?? []).map((each) => nested(each, depth + 1)).join(", ")}>`;
  else name = `struct<${fields(children, depth)}>`;
  return element.repetition_type === "REPEATED" && depth === 0 ? `list<${name}>` : name;
}

const isList = (element: SchemaElement): boolean =>
  element.converted_type === "LIST" || element.logical_type?.type === "LIST";

const isMap = (element: SchemaElement): boolean =>
  element.converted_type === "MAP" || element.logical_type?.type === "MAP";

/** What is in a list: below the repeated group that the format puts around it. */
function inner(children: readonly SchemaTree[], depth: number): string {
  const repeated = children[0];
  if (!repeated) return "?";
  const only = repeated.children.length === 1 ? repeated.children[0]! : repeated;
  return nested(only, depth + 1);
}

const fields = (children: readonly SchemaTree[], depth: number): string =>
  children
    .slice(0, 12)
    .map((each) => `${each.element.name}: ${nested(each, depth + 1)}`)
    .join(", ") + (children.length > 12 ? ", …" : "");

const CONVERTED: Partial<Record<string, string>> = {
  UTF8: "string",
  ENUM: "enum",
  JSON: "json",
  BSON: "bson",
  DATE: "date",
  INTERVAL: "interval",
  TIME_MILLIS: "time[ms]",
  TIME_MICROS: "time[µs]",
  TIMESTAMP_MILLIS: "timestamp[ms, UTC]",
  TIMESTAMP_MICROS: "timestamp[µs, UTC]",
  UINT_8: "uint8",
  UINT_16: "uint16",
  UINT_32: "uint32",
  UINT_64: "uint64",
  INT_8: "int8",
  INT_16: "int16",
  INT_32: "int32",
  INT_64: "int64",
};

const PLAIN: Partial<Record<string, string>> = {
  BOOLEAN: "bool",
  INT32: "int32",
  INT64: "int64",
  INT96: "timestamp[ns]",
  FLOAT: "float",
  DOUBLE: "double",
  BYTE_ARRAY: "binary",
};

function leafName(element: SchemaElement): string {
  const { type, converted_type: converted, logical_type: logical } = element;
  switch (logical?.type) {
    case "TIMESTAMP":
      return `timestamp[${SHORT[logical.unit]}${logical.isAdjustedToUTC ? ", UTC" : ""}]`;
    case "TIME":
      return `time[${SHORT[logical.unit]}]`;
    case "INTEGER":
      return `${logical.isSigned ? "" : "u"}int${logical.bitWidth}`;
    case "FLOAT16":
      return "half float";
    case "NULL":
    case "UUID":
    case "GEOMETRY":
    case "GEOGRAPHY":
      return logical.type.toLowerCase();
    default:
  }
  const decimal = decimalOf(element);
  if (decimal) return `decimal(${element.precision ?? "?"}, ${decimal.scale})`;
  const known = converted ? CONVERTED[converted] : undefined;
  if (known) return known;
  if (logical?.type === "STRING") return "string";
  if (type === "FIXED_LEN_BYTE_ARRAY") return `binary[${element.type_length ?? "?"}]`;
  return PLAIN[type ?? ""] ?? "unknown";
}

function decimalOf(element: SchemaElement): { scale: number } | null {
  if (element.logical_type?.type === "DECIMAL") return { scale: element.logical_type.scale };
  return element.converted_type === "DECIMAL" ? { scale: element.scale ?? 0 } : null;
}

/**
 * How the values of a column are written. Where the library would round (decimals) or refuse (intervals), it is
 * told to leave them as they are.
 */
export function prepare(tree: SchemaTree): Reading {
  for (const leaf of leaves(tree)) tame(leaf);
  const { element } = tree;
  if (tree.children.length > 0 || element.repetition_type === "REPEATED") return { as: "nested" };
  const decimal = decimalOf(element);
  if (decimal) {
    delete element.converted_type;
    delete element.logical_type;
    return { as: "decimal", scale: decimal.scale };
  }
  if (element.logical_type?.type === "TIME")
    return { as: "time", perSecond: PER_SECOND[element.logical_type.unit] };
  if (element.converted_type === "TIME_MILLIS") return { as: "time", perSecond: PER_SECOND.MILLIS };
  if (element.converted_type === "TIME_MICROS") return { as: "time", perSecond: PER_SECOND.MICROS };
  return { as: "plain" };
}

function tame(element: SchemaElement): void {
  if (element.converted_type === "INTERVAL" || element.converted_type === "BSON")
    delete element.converted_type;
  if (element.converted_type === "ENUM" || element.logical_type?.type === "ENUM")
    element.converted_type = "UTF8";
  if (element.logical_type?.type === "JSON") element.converted_type = "JSON";
}

function* leaves(tree: SchemaTree): Generator<SchemaElement> {
  if (tree.children.length === 0) yield tree.element;
  for (const child of tree.children) yield* leaves(child);
}
