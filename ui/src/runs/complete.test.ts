import { describe, expect, it } from "vitest";
import { complete, type Known, valuePlace } from "./complete";

const known: Known = {
  metrics: ["eval/accuracy", "loss"],
  params: ["lr", "algorithm"],
  tags: ["team"],
  valuesOf: (_, key) => (key === "algorithm" ? ["dapo", "grpo"] : []),
};
const labels = (text: string) => complete(text, text.length, known).map((each) => each.label);
const taken = (text: string, label: string) =>
  complete(text, text.length, known).find((each) => each.label === label)!.text;

describe("complete", () => {
  it("offers fields first, quoted where the grammar wants it", () => {
    expect(labels("acc")).toEqual(["metrics.`eval/accuracy`"]);
    expect(labels("params.l")[0]).toBe("params.lr");
  });

  it("offers the operators that a field knows", () => {
    expect(labels("metrics.loss ")).toContain("<=");
    expect(labels("metrics.loss ")).not.toContain("LIKE");
    expect(labels("params.lr ")).toContain("IS NOT NULL");
  });

  it("offers the values that occur, and statuses", () => {
    expect(labels("params.algorithm = ")).toEqual(["'dapo'", "'grpo'"]);
    expect(labels("status = 'fi")).toEqual(["'finished'"]);
  });

  it("goes on after AND, and sees no AND inside quotes", () => {
    expect(labels("metrics.loss < 1 ")).toEqual(["AND"]);
    expect(labels("metrics.loss < 1 AND alg")).toEqual(["params.algorithm"]);
    expect(labels("tags.team = 'a AND b' ")).toEqual(["AND"]);
  });

  it("replaces what was typed and keeps what follows the cursor", () => {
    expect(taken("params.algorithm = 'g", "'grpo'")).toBe("params.algorithm = 'grpo' ");
    const found = complete("los AND status = 'failed'", 3, known)[0]!;
    expect(found.text).toBe("metrics.loss AND status = 'failed'");
    expect(found.cursor).toBe("metrics.loss ".length);
  });

  it("offers what the server found before what is loaded, with its number of runs", () => {
    const text = "params.algorithm = 'g";
    const found = [
      { value: "gspo", runs: 7 },
      { value: "grpo", runs: 1 },
    ];
    const offered = complete(text, text.length, known, found).map((each) => [each.label, each.detail]);
    expect(offered).toEqual([
      ["'gspo'", "7 runs"],
      ["'grpo'", "1 run"],
    ]);
  });

  it("quotes a value so that the grammar reads it", () => {
    const found = ["it's", `"so"`, `'both"`].map((value) => ({ value, runs: 1 }));
    const text = "tags.team = ";
    expect(complete(text, text.length, known, found).map((each) => each.label)).toEqual([`"it's"`, `'"so"'`]);
  });
});

describe("valuePlace", () => {
  const place = (text: string) => valuePlace(text, text.length);

  it("says which field's value is being typed", () => {
    expect(place("params.algorithm = 'gr")).toEqual({ field: "params.algorithm", typed: "gr" });
    expect(place("status = 'failed' AND tags.`my team` LIKE ")).toEqual({
      field: "tags.`my team`",
      typed: "",
    });
    expect(place('user_id != "ann b')).toEqual({ field: "user_id", typed: "ann b" });
    expect(place("dataset.name = ")).toEqual({ field: "dataset.name", typed: "" });
  });

  it("knows where no value is asked for", () => {
    for (const text of ["", "params.lr", "params.lr ", "metrics.loss > 0.", "status = 'f", "start_time > 1"])
      expect(place(text)).toBeNull();
  });
});
