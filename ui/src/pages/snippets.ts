import { currentWorkspace, getToken } from "@/api/client";

/**
 * What empty pages teach: whole programs and commands, which work when they are pasted, in an empty folder
 * and in a shell that knows nothing yet.
 */
const origin = (): string => window.location.origin;

/** A text of Python, which reads JSON's strings alike. */
const quoted = (text: string): string => JSON.stringify(text);

/** A word of a shell, quoted. */
const word = (text: string): string =>
  /^[\w./@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** What a client must be told of this server besides its address. */
function besides(): [string, string][] {
  const found: [string, string][] = [];
  if (currentWorkspace() !== "default") found.push(["ASSAY_WORKSPACE", currentWorkspace()]);
  if (getToken()) found.push(["ASSAY_TOKEN", "YOUR-TOKEN"]);
  return found;
}

const python = (...lines: string[]): string => {
  const told = [["ASSAY_URL", origin()], ...besides()].map(
    ([name, value]) => `os.environ[${quoted(name!)}] = ${quoted(value!)}`,
  );
  return ["import os", "", ...told, "", ...lines].join("\n");
};

const shell = (...lines: string[]): string =>
  [
    ...[["ASSAY_URL", origin()], ...besides()].map(([name, value]) => `export ${name}=${word(value!)}`),
    ...lines,
  ].join("\n");

export const mlflowEnv = (experiment: string): string =>
  [
    `export MLFLOW_TRACKING_URI=${origin()}`,
    `export MLFLOW_EXPERIMENT_NAME=${word(experiment)}`,
    ...(getToken() ? ["export MLFLOW_TRACKING_TOKEN=YOUR-TOKEN"] : []),
  ].join("\n");

export const firstRun = (experiment: string): string =>
  python(
    "import assay",
    "",
    `with assay.start_run(${quoted(experiment)}) as run:`,
    '    run.log_params({"lr": 2e-5})',
    "    for step in range(100):",
    '        run.log({"train/loss": 1 / (step + 1)}, step=step)',
  );

export const firstVersion = (model: string): string =>
  python(
    "from pathlib import Path",
    "",
    "import assay",
    "",
    'folder = Path("outputs/adapter")',
    "folder.mkdir(parents=True, exist_ok=True)",
    '(folder / "adapter_config.json").write_text(\'{"r": 16}\')',
    "",
    "made_from = assay.Lineage(",
    '    data_version="sft-mix@v1", code_commit="9f1c2d7", base_model="Qwen/Qwen3-0.6B", seed=1',
    ")",
    'with assay.start_run("first-model", lineage=made_from) as run:',
    '    run.log_params({"lr": 2e-5})',
    '    run.log_artifacts(folder, "adapter")',
    `    print("version", run.register(${quoted(model)}, "adapter"))`,
  );

/** Goes on with a run that is there. */
const resumed = (runId: string, ...lines: string[]): string =>
  python("import assay", "", `with assay.start_run(run_id=${quoted(runId)}, resume=True) as run:`, ...lines);

export const moreMetrics = (runId: string): string =>
  resumed(runId, "    for step in range(100):", '        run.log({"train/loss": 1 / (step + 1)}, step=step)');

export const moreSamples = (runId: string): string =>
  resumed(
    runId,
    "    rows = [",
    '        {"prompt": "2 + 2?", "completion": "4", "reward": 1.0, "advantage": 0.7},',
    '        {"prompt": "2 + 2?", "completion": "5", "reward": 0.0, "advantage": -0.7},',
    "    ]",
    '    run.log_table("completions", rows, step=1)',
  );

export const moreFiles = (runId: string): string =>
  resumed(
    runId,
    '    with open("report.md", "w") as report:',
    '        report.write("# What was learned\\n")',
    '    run.log_artifact("report.md")',
  );

export const moreLines = (runId: string): string =>
  resumed(
    runId,
    "    for step in range(3):",
    '        run.log_text("assay.console/stdout", f"step {step}\\n", step=step)',
  );

const SUITE = [
  "mkdir -p suite",
  "cat > suite/suite.toml <<'END'",
  'name = "capitals"',
  "",
  "[harness]",
  'name = "capitals-exam"',
  'version = "1"',
  "",
  "[[tasks]]",
  'split = "test"',
  'metrics = [{ name = "accuracy", direction = "maximize", low = 0, high = 1 }]',
  "few_shot = { count = 0 }",
  "generation = { temperature = 0, max_tokens = 8 }",
  "END",
  "cat > suite/items.jsonl <<'END'",
  '{"id": "france", "input": "France", "reference": "Paris"}',
  '{"id": "italy", "input": "Italy", "reference": "Rome"}',
  "END",
  "cat > suite/scorer.py <<'END'",
  "import argparse, json",
  "from pathlib import Path",
  "",
  "parser = argparse.ArgumentParser()",
  'for name in ("--items", "--candidate", "--out"):',
  "    parser.add_argument(name, type=Path)",
  "given = parser.parse_args()",
  'answers = json.loads((given.candidate / "answers.json").read_text())',
  'with given.items.open() as items, given.out.open("w") as out:',
  "    for item in map(json.loads, items):",
  '        score = int(answers.get(item["input"]) == item["reference"])',
  '        out.write(json.dumps({"item_id": item["id"], "metrics": {"accuracy": score}}) + "\\n")',
  "END",
];

export const firstGate = (name: string): string =>
  shell(...SUITE, `assay gates create ${word(name)} --suite suite --metric accuracy --threshold 0.5`);

export const firstSuite = (): string => shell(...SUITE, "assay suites create suite");

export const gateRunner = (): string => shell("assay gate-runner");

export const firstCollection = (): string =>
  shell(
    "mkdir -p data",
    'echo \'{"prompt": "2 + 2?", "completion": "4"}\' > data/train.jsonl',
    "assay collections put sft-mix data --type dataset",
  );

export const firstWandbArtifact = (): string =>
  [
    "import os",
    "",
    `os.environ["WANDB_BASE_URL"] = ${quoted(origin())}`,
    `os.environ["WANDB_API_KEY"] = ${quoted(getToken() ? "YOUR-TOKEN" : "local0".repeat(7).slice(0, 40))}`,
    "",
    "import wandb",
    "",
    'with wandb.init(project="first-steps") as run:',
    '    artifact = wandb.Artifact("sft-mix", type="dataset")',
    '    with artifact.new_file("train.jsonl") as file:',
    '        file.write(\'{"prompt": "2 + 2?", "completion": "4"}\')',
    "    run.log_artifact(artifact)",
  ].join("\n");
