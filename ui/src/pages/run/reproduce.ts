import type { Run } from "@/api/types";

/** A word of a shell command, quoted where a shell would read more than letters into it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const MOST_PARAMS = 40;

/** What to type to train the same again, as far as the run says: checkout, data, command, params. */
export function reproduceText(run: Run): string {
  const lines: string[] = [];
  const repository = run.tags["mlflow.source.git.repoURL"];
  const commit = run.tags["mlflow.source.git.commit"] ?? run.tags.code_commit ?? run.params.code_commit;
  if (repository)
    lines.push(`git clone ${shellWord(repository)} && cd "$(basename ${shellWord(repository)} .git)"`);
  lines.push(commit ? `git checkout ${shellWord(commit)}` : "# the commit was not recorded");
  const data = run.params.data_version ?? run.params.dataset_version;
  if (data) lines.push(`# data: ${oneLine(data)}`);
  for (const { dataset } of run.inputs.slice(0, 5))
    lines.push(`# dataset: ${oneLine(dataset.name)} ${oneLine(dataset.digest)}`);
  const script = run.tags["mlflow.source.name"] ?? "train.py";
  const params = Object.entries(run.params).filter(
    ([key]) => !["data_version", "dataset_version", "code_commit"].includes(key),
  );
  const options = params
    .slice(0, MOST_PARAMS)
    .map(([key, value]) => `  ${shellWord(`--${key}`)} ${shellWord(value)}`);
  lines.push([`python ${shellWord(script)}`, ...options].join(" \\\n"));
  if (params.length > MOST_PARAMS)
    lines.push(`# and ${params.length - MOST_PARAMS} more params, in the list beside`);
  return lines.join("\n");
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").slice(0, 200);
