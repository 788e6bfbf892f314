import { expect, test } from "vitest";
import { readRecorded } from "./recorded";

test("pictures, one or several, are found where the client says that they are", () => {
  const one = '{"_type":"image-file","path":"media/images/a.png","caption":"at 3"}';
  expect(readRecorded(one)).toEqual({
    is: "media",
    medium: "image",
    files: [{ path: "media/images/a.png", caption: "at 3" }],
  });
  const two = '{"_type":"images/separated","filenames":["a.png","b.png"],"captions":["x","y"]}';
  expect(readRecorded(two)).toMatchObject({ files: [{ caption: "x" }, { path: "b.png", caption: "y" }] });
  const sounds = '{"_type":"audio","audio":[{"_type":"audio-file","path":"a.wav"}],"count":1}';
  expect(readRecorded(sounds)).toMatchObject({ medium: "audio", files: [{ path: "a.wav" }] });
});

test("tables, pages and other files are told apart", () => {
  expect(readRecorded('{"_type":"table-file","path":"t.table.json"}')?.is).toBe("table");
  expect(readRecorded('{"_type":"html-file","path":"p.html"}')?.is).toBe("html");
  expect(readRecorded('{"_type":"object3D-file","path":"o.obj"}')?.is).toBe("file");
});

test("a histogram has one edge more than counts, in either of its forms", () => {
  expect(readRecorded('{"_type":"histogram","values":[1,2],"bins":[0,1,2]}')).toMatchObject({
    histogram: { edges: [0, 1, 2], counts: [1, 2] },
  });
  expect(
    readRecorded('{"_type":"histogram","values":[1,2],"packedBins":{"min":0,"size":0.5,"count":2}}'),
  ).toMatchObject({
    histogram: { edges: [0, 0.5, 1] },
  });
  expect(readRecorded('{"values":[1,2],"bins":[0,1]}')).toBeNull();
});

test("a table or a text that stands in the record itself is none of this", () => {
  expect(readRecorded('{"columns":["a"],"data":[[1]]}')).toBeNull();
  expect(readRecorded("{not json")).toBeNull();
  expect(readRecorded("hello")).toBeNull();
});

test("a table names the artifact that has it with its media, where the client made one", () => {
  const told = {
    _type: "table-file",
    path: "t.table.json",
    artifact_path: "wandb-client-artifact://ab12/seen.table.json",
  };
  expect(readRecorded(JSON.stringify(told))).toMatchObject({
    entry: { clientId: "ab12", path: "seen.table.json" },
  });
  const foreign = { ...told, artifact_path: "https://elsewhere/x" };
  expect(readRecorded(JSON.stringify(foreign))).toMatchObject({ entry: null });
});
