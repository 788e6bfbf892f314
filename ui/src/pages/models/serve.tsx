import { useState } from "react";
import type { Version } from "@/api/types";
import { Card } from "@/design/card";
import { Segmented } from "@/design/field";
import { Snippet } from "@/design/snippet";

const WAYS = ["command", "python", "curl", "transformers", "vllm"] as const;
type Way = (typeof WAYS)[number];
const TITLES: Record<Way, string> = {
  command: "Command",
  python: "Python",
  curl: "curl",
  transformers: "transformers",
  vllm: "vLLM",
};

/** How to get these bytes where they are served; by alias, so that a promotion or a rollback reaches everybody. */
export function ServeSnippets({ version, aliases }: { version: Version; aliases: readonly string[] }) {
  const [way, setWay] = useState<Way>("command");
  const alias = aliases[0] ?? "production";
  const origin = window.location.origin;
  const name = version.model;
  const download = `export ASSAY_URL=${origin}\nassay models download '${name}@${alias}' ./model`;
  const text: Record<Way, string> = {
    command: `${download}   # every digest is verified`,
    python: `import assay\n\nclient = assay.Client("${origin}")\nfound = client.get("/models/${name}/aliases/${alias}")\nprint(found["version"]["version"], found["version"]["artifact_digest"])`,
    curl: `# ETag tells whether the alias has moved; 304 while it has not\ncurl -sD- ${origin}/api/v1/models/${encodeURIComponent(name)}/aliases/${alias}`,
    transformers: `${download}\npython - <<'EOF'\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = AutoModelForCausalLM.from_pretrained("./model")\ntokenizer = AutoTokenizer.from_pretrained("./model")\nEOF`,
    vllm: `${download}\nvllm serve ./model --served-model-name ${name}`,
  };
  return (
    <Card
      title={aliases.length > 0 ? `Serve ${name}@${alias}` : "Serve by alias"}
      actions={
        <Segmented
          label="With"
          value={way}
          onValue={setWay}
          options={WAYS.map((value) => ({ value, label: TITLES[value] }))}
        />
      }
    >
      {aliases.length === 0 ? (
        <p className="mb-3 text-ink-2">
          This version holds no alias, so the lines below lead to whoever holds {alias}.
        </p>
      ) : null}
      <Snippet text={text[way]} />
    </Card>
  );
}
