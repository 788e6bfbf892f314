// Files of rows: Parquet, CSV and JSON lines are tables, of which only what is looked at is fetched.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { flow, runPython, settled, stage, violations } from "./harness.mjs";

const PROGRAM = `
import random, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq

folder = Path(sys.argv[1])
chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
rows = 12
table = pa.table({
    "id": pa.array([9007199254740993 + row for row in range(rows)], pa.int64()),
    "prompt": [f"<script>window.pwned={row}</script>" if row % 2 else f"<img src=x onerror='window.pwned={row}'>" for row in range(rows)],
    "reward": pa.array([None if row % 5 == 4 else row / 8 - 0.5 for row in range(rows)], pa.float64()),
    "at": pa.array([1767323045678901 + row * 61_000_000 for row in range(rows)], pa.timestamp("us", "UTC")),
    "messages": pa.array([[{"role": "user", "content": f"<b>{row}</b>"}] for row in range(rows)], chat),
    "image": pa.array([bytes(row * 100) for row in range(rows)], pa.binary()),
    "note": pa.array(["long " * 2000] * rows),
    "__proto__": pa.array(range(rows)),
})
pq.write_table(table, folder / "rollouts.parquet", compression="zstd")
(folder / "damaged.parquet").write_bytes((folder / "rollouts.parquet").read_bytes()[:-300])
broken = bytearray((folder / "rollouts.parquet").read_bytes())
start = pq.ParquetFile(folder / "rollouts.parquet").metadata.row_group(0).column(0).data_page_offset
broken[start : start + 40] = b"\\xff" * 40
(folder / "broken.parquet").write_bytes(broken)
random.seed(7)
words = [random.randbytes(120).hex() for _ in range(60_000)]
wide = pa.table({"step": pa.array(range(60_000)), "text": words})
pq.write_table(wide, folder / "long.parquet", compression="none", use_dictionary=False)
lines = "".join(f"{row},word {row},{row / 7}\\n" for row in range(150_000))
(folder / "long.csv").write_text("step,word,value\\n" + lines)
(folder / "chats.jsonl").write_text('{"id": 1, "messages": [{"role": "user", "content": "<script>window.pwned=1</script>"}]}\\n{"id": 2, "score": 0.5}\\n')
`;
const FILES = ["rollouts.parquet", "damaged.parquet", "broken.parquet", "long.parquet", "long.csv", "chats.jsonl"];

let here;
let folder;
let run;
let longBytes;

before(async () => {
  here = await stage();
  folder = await mkdtemp(join(tmpdir(), "assay-files-"));
  await runPython(PROGRAM, folder);
  const { experiment_id } = await here.call("POST", "/experiments", { name: "files" });
  run = (await here.call("POST", "/runs", { experiment_id, name: "exporter" })).run_id;
  for (const name of FILES) {
    const content = await readFile(join(folder, name));
    if (name === "long.parquet") longBytes = content.length;
    await here.call("PUT", `/runs/${run}/files/${name}`, content, { "content-type": "application/octet-stream" });
  }
});
after(async () => {
  await here?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const at = (name) => `/runs/${run}?tab=artifacts&path=${name}`;
const cell = (page, name) => page.getByRole("gridcell", { name, exact: true });

/** Counts what comes of a file's bytes. */
function counted(page, name) {
  const sizes = [];
  page.on("response", (response) => {
    if (response.url().endsWith(`/files/${name}`)) sizes.push(Number(response.headers()["content-length"]));
  });
  return () => sizes.reduce((sum, each) => sum + each, 0);
}

flow("a Parquet file is a table with its types, every digit of its numbers, and texts that do nothing", () =>
  here.visit(at("rollouts.parquet"), async (page) => {
    await page.getByText("12 rows", { exact: true }).waitFor();
    await cell(page, "9007199254740993").waitFor();
    await page.getByRole("columnheader", { name: "at timestamp[µs, UTC]" }).waitFor();
    await page.getByRole("columnheader", { name: "messages list<struct<" }).waitFor();
    await cell(page, "2026-01-02 03:04:05.678901").waitFor();
    await cell(page, "<script>window.pwned=1</script>").waitFor();
    await cell(page, "null").first().waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
  }));

flow("a cell of a table is opened in full from the keyboard, and the next row from there", () =>
  here.visit(at("rollouts.parquet"), async (page) => {
    await cell(page, "9007199254740993").waitFor();
    await page.getByRole("grid").focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"]) await page.keyboard.press(key);
    const dialog = page.getByRole("dialog");
    await dialog.getByText('"content": "<b>0</b>"').waitFor();
    await dialog.getByRole("button", { name: "Row below" }).click();
    await dialog.getByText('"content": "<b>1</b>"').waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("gridcell", { name: /^long long/ }).first().click();
    // The cell has the first two thousand signs; the whole is fetched for the dialog.
    await page.waitForFunction(() => document.querySelector("[role=dialog] pre")?.textContent.length === 10_000);
    assert.deepEqual(await violations(page), []);
  }));

flow("of a long Parquet file only the rows that are looked at are fetched", () =>
  here.visit("/", async (page) => {
    const fetched = counted(page, "long.parquet");
    await page.goto(here.url + at("long.parquet"));
    await page.getByText("60,000 rows", { exact: true }).waitFor();
    await cell(page, "0").waitFor();
    assert.ok(fetched() < longBytes / 4, `${fetched()} of ${longBytes} bytes`);
    const before = fetched();
    await page.getByText("Rows 1 to 1,000 of 60,000").waitFor();
    const more = page.getByRole("button", { name: "Load 1,000 more" });
    const place = await more.boundingBox();
    assert.ok(place.y + place.height < page.viewportSize().height, "the button is within the window");
    await more.click();
    await page.getByText("Rows 1 to 2,000 of 60,000").waitFor();
    assert.ok(fetched() - before < longBytes / 4);
    await page.getByRole("grid").focus();
    await page.keyboard.press("End");
    await cell(page, "1999").waitFor();
    const drawn = await page.getByRole("row").count();
    assert.ok(drawn < 200, `${drawn} rows exist`);
  }));

flow("a damaged Parquet file says so beside its download, and of a broken column the others are shown", () =>
  here.visit(at("damaged.parquet"), async (page) => {
    await page.getByText("This Parquet file cannot be shown").waitFor();
    await page.getByRole("alert").getByText(/does not end as Parquet files do/).waitFor();
    assert.deepEqual(await violations(page), []);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    assert.equal((await download).suggestedFilename(), "damaged.parquet");
    await page.getByRole("treeitem", { name: "broken.parquet" }).click();
    await page.getByRole("listitem").filter({ hasText: /^id: / }).waitFor();
    await cell(page, "<script>window.pwned=1</script>").waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
  }, { theme: "dark" }));

flow("a long CSV file is fetched part by part, and JSON lines are rows", () =>
  here.visit("/", async (page) => {
    const fetched = counted(page, "long.csv");
    await page.goto(here.url + at("long.csv"));
    await cell(page, "word 3").waitFor();
    assert.equal(fetched(), 1024 * 1024);
    await page.getByText("The first 1.0 MiB are shown.").waitFor();
    await page.getByRole("button", { name: /^Load .* more$/ }).click();
    await page.getByText("The first 2.0 MiB are shown.").waitFor();
    await page.getByRole("button", { name: "Text", exact: true }).click();
    await page.getByText("step,word,value").waitFor();
    await page.getByRole("treeitem", { name: "chats.jsonl" }).click();
    await cell(page, "user: <script>window.pwned=1</script>").waitFor();
    await cell(page, "0.5").waitFor();
    await settled(page);
    assert.deepEqual(await violations(page), []);
  }));
