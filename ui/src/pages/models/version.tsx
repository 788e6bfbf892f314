import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { Ban, Download, ShieldCheck, ShieldX } from "lucide-react";
import { useState } from "react";
import { api, apiPath, filePath, post } from "@/api/client";
import * as queries from "@/api/queries";
import type { Version } from "@/api/types";
import { VERSION_TABS } from "@/app/search";
import { failed, said } from "@/app/toasts";
import { save } from "@/charts/download";
import { Button } from "@/design/button";
import { Card, Fact, Facts, Table } from "@/design/card";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { LINEAGE_FIELDS, LineageFacts } from "@/design/lineage";
import { Moment } from "@/design/moment";
import { Page, Tabs, tabClass } from "@/design/page";
import { Digest } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { FileViewer } from "@/files/viewer";
import { actorName } from "@/format/actor";
import { bytes, plural } from "@/format/number";
import { ClosureCard } from "./closure";
import { SignatureBadge } from "./evidence";
import { LineageGraph } from "./graph";
import { AliasBadge, OutcomeBadge, Score, StateBadge } from "./outcome";
import { Claims, ProvenanceMenu, Signatures, SourceText } from "./provenance";
import { ServeSnippets } from "./serve";

const ROUTE = "/models/$name/versions/$version";
type Tab = (typeof VERSION_TABS)[number];
const TITLES: Record<Tab, string> = {
  overview: "Overview",
  lineage: "Lineage graph",
  files: "Files",
  verdicts: "Verdicts",
  serve: "Serve",
};

export default function VersionPage() {
  const { name, version: number } = useParams({ from: ROUTE });
  const { data, error, isPending, refetch } = useQuery(queries.version(name, number));
  if (isPending) return <SkeletonRows rows={10} />;
  if (error) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  return <Loaded version={data} />;
}

function Loaded({ version }: { version: Version }) {
  const tab = useSearch({ from: ROUTE }).tab ?? "overview";
  const model = useQuery(queries.model(version.model)).data;
  const guarded = new Set(model?.aliases.filter((each) => each.is_protected).map((each) => each.alias));
  return (
    <Page
      wide
      title={`${version.model} v${version.version}`}
      crumbs={
        <>
          <Link to="/models" className="hover:text-ink">
            Models
          </Link>
          {" / "}
          <Link to="/models/$name" params={{ name: version.model }} className="hover:text-ink">
            {version.model}
          </Link>
        </>
      }
      heading={`Version ${version.version}`}
      meta={
        <>
          <StateBadge version={version} />
          {version.aliases.map((alias) => (
            <AliasBadge key={alias} alias={alias} isProtected={guarded.has(alias)} />
          ))}
          <span>
            Registered <Moment at={version.created_at_ms} /> by {actorName(version.created_by)}
          </span>
          <span className="tabular">{bytes(version.size_bytes)}</span>
        </>
      }
      actions={<VersionActions version={version} />}
      tabs={
        <Tabs label="Parts of the version">
          {VERSION_TABS.map((each) => (
            <Link
              key={each}
              to="."
              search={(before) => ({ ...before, tab: each === "overview" ? undefined : each })}
              aria-current={each === tab ? "page" : undefined}
              className={tabClass(each === tab)}
            >
              {TITLES[each]}
            </Link>
          ))}
        </Tabs>
      }
    >
      {tab === "overview" ? <Overview version={version} /> : null}
      {tab === "lineage" ? <LineageGraph version={version} /> : null}
      {tab === "files" ? <Files version={version} /> : null}
      {tab === "verdicts" ? <Verdicts version={version} /> : null}
      {tab === "serve" ? <ServeSnippets version={version} aliases={version.aliases} /> : null}
    </Page>
  );
}

function Overview({ version }: { version: Version }) {
  const values: Record<string, string> = {};
  for (const field of LINEAGE_FIELDS) {
    const value = version.lineage?.[field];
    if (value !== undefined) values[field] = JSON.stringify(value);
  }
  const origins = version.lineage_origins;
  return (
    <div className="grid items-start gap-5 min-[90rem]:grid-cols-2">
      <div className="min-w-0 space-y-5">
        <Card title="Lineage" note="frozen" flush>
          <LineageFacts
            values={values}
            origins={origins}
            fingerprint={version.fingerprint}
            note="Registered without closed lineage: this version can never hold a protected alias."
          />
        </Card>
        <ClosureCard model={version.model} version={version.version} />
        <Claims version={version} />
      </div>
      <div className="min-w-0 space-y-5">
        <Card title="Provenance">
          <Facts>
            {version.state_reason ? <Fact name="State">{version.state_reason}</Fact> : null}
            {version.description ? <Fact name="Description">{version.description}</Fact> : null}
            <Fact name="Run">
              {version.run_id ? (
                <Link
                  to="/runs/$runId"
                  params={{ runId: version.run_id }}
                  className="font-mono text-xs text-accent-ink hover:underline"
                >
                  {version.run_id}
                </Link>
              ) : (
                "none"
              )}
            </Fact>
            <Fact name="Source">
              <SourceText version={version} />
            </Fact>
            <Fact name="Files' digest">
              {version.artifact_digest ? <Digest value={version.artifact_digest} length={24} /> : "–"}
            </Fact>
            {version.lineage_scheme ? <Fact name="Scheme">{version.lineage_scheme}</Fact> : null}
            {Object.entries(version.annotations).map(([key, value]) => (
              <Fact key={key} name={key}>
                <code className="font-mono text-xs break-all">
                  {typeof value === "string" ? value : JSON.stringify(value)}
                </code>
              </Fact>
            ))}
          </Facts>
        </Card>
        <Verdicts version={version} />
        <Signatures version={version} />
        {Object.keys(version.tags).length > 0 ? (
          <Card title="Tags">
            <Facts>
              {Object.entries(version.tags).map(([key, value]) => (
                <Fact key={key} name={key}>
                  {value}
                </Fact>
              ))}
            </Facts>
          </Card>
        ) : null}
      </div>
    </div>
  );
}

function Verdicts({ version }: { version: Version }) {
  const verdicts = version.verdicts ?? [];
  return (
    <Card title="Verdicts" note="written by gate runners only" flush>
      {verdicts.length === 0 ? (
        <p className="p-4 text-ink-3">No exam yet. Promoting the version queues one.</p>
      ) : (
        <Table label="Verdicts" head={["Gate", "Verdict", "Score", "Signature", "Given"]}>
          {verdicts.map((each) => (
            <tr key={each.gate_run_id}>
              <td>
                <Link
                  to="/gates/$name"
                  params={{ name: each.gate }}
                  className="font-medium hover:text-accent-ink hover:underline"
                >
                  {each.gate}
                </Link>{" "}
                <span className="text-ink-3">v{each.gate_version}</span>
              </td>
              <td className="min-w-48">
                <OutcomeBadge outcome={each.outcome} />
                {each.reasons.length > 0 ? (
                  <span className="mt-0.5 block max-w-72 text-xs text-ink-3">{each.reasons.join(" ")}</span>
                ) : null}
              </td>
              <td>
                <Score text={each.score} />
                <span className="block text-xs whitespace-nowrap text-ink-3 tabular">
                  {plural(each.items, "item")}
                </span>
              </td>
              <td>
                <SignatureBadge verdict={each} />
              </td>
              <td className="whitespace-nowrap text-ink-2">
                <Moment at={each.created_at_ms} />
                <span className="block text-xs text-ink-3">{each.runner}</span>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

function Files({ version }: { version: Version }) {
  const { data, error, isPending } = useQuery(queries.manifest(version.model, version.version));
  const [path, setPath] = useState<string | null>(null);
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} />;
  const chosen = data.files.find((each) => each.path === path);
  const onManifest = () =>
    save(
      new Blob([JSON.stringify(data, null, 2)], { type: "application/json" }),
      `${version.model}-v${version.version}-manifest.json`,
    );
  return (
    <div className="space-y-5">
      <Card
        flush
        title="Manifest"
        note={data.artifact_digest ? <Digest value={data.artifact_digest} length={16} /> : null}
        actions={
          <Button size="sm" onClick={onManifest}>
            <Download /> Manifest
          </Button>
        }
      >
        <Table label="Files" head={["File", "Size", "SHA-256"]}>
          {data.files.slice(0, 2000).map((file) => (
            <tr key={file.path} className="hover:bg-hover">
              <td>
                <button
                  type="button"
                  onClick={() => setPath(file.path)}
                  className="text-left font-mono text-xs break-all hover:text-accent-ink hover:underline"
                >
                  {file.path}
                </button>
              </td>
              <td className="whitespace-nowrap tabular">{bytes(file.size_bytes)}</td>
              <td>
                <Digest value={file.sha256} length={20} />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {chosen ? (
        <Card flush>
          <FileViewer
            key={chosen.path}
            file={{
              path: chosen.path,
              sizeBytes: chosen.size_bytes,
              sha256: chosen.sha256,
              url: `${apiPath("models", version.model, "versions", version.version)}/files/${filePath(chosen.path)}`,
            }}
          />
        </Card>
      ) : null}
    </div>
  );
}

function VersionActions({ version }: { version: Version }) {
  const [asking, setAsking] = useState<"quarantine" | "clear" | null>(null);
  const client = useQueryClient();
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["model"] }),
      client.invalidateQueries({ queryKey: ["gate-runs"] }),
    ]);
  const examine = useMutation({
    mutationFn: () => api("POST", "/gate-runs", { body: { model: version.model, version: version.version } }),
    onSuccess: () => said("The exam is queued.", "A gate runner takes it: assay gate-runner"),
    onError: failed,
    onSettled: refresh,
  });
  if (version.state === "deleted") return null;
  return (
    <>
      <ProvenanceMenu version={version} />
      {version.state === "quarantined" ? (
        <Button onClick={() => setAsking("clear")}>
          <ShieldCheck /> Clear
        </Button>
      ) : (
        <>
          <Button variant="ghost" onClick={() => setAsking("quarantine")}>
            <ShieldX /> Quarantine
          </Button>
          <Button onClick={() => examine.mutate()} busy={examine.isPending}>
            Examine
          </Button>
        </>
      )}
      {asking ? (
        <ReasonDialog version={version} kind={asking} onClose={() => setAsking(null)} onDone={refresh} />
      ) : null}
    </>
  );
}

function ReasonDialog({
  version,
  kind,
  onClose,
  onDone,
}: {
  version: Version;
  kind: "quarantine" | "clear";
  onClose: () => void;
  onDone: () => Promise<unknown>;
}) {
  const [reason, setReason] = useState("");
  const act = useMutation({
    mutationFn: () =>
      post(`${apiPath("models", version.model, "versions", version.version)}/${kind}`, {
        reason: reason.trim(),
      }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  return (
    <Modal
      open
      onClose={onClose}
      width="sm"
      title={
        kind === "quarantine" ? `Quarantine version ${version.version}` : `Clear version ${version.version}`
      }
      note={
        kind === "quarantine"
          ? "It cannot be promoted until it is cleared."
          : "It may be promoted again, through the gate."
      }
      footer={
        <Button
          variant={kind === "quarantine" ? "danger" : "primary"}
          busy={act.isPending}
          disabled={!reason.trim()}
          onClick={() => act.mutate()}
        >
          <Ban className={kind === "clear" ? "hidden" : undefined} />
          {kind === "quarantine" ? "Quarantine" : "Clear"}
        </Button>
      }
    >
      <Field label="Why" help="Kept in the ledger.">
        {(props) => (
          <Input
            {...props}
            autoFocus
            value={reason}
            maxLength={1000}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
      {act.error ? <Failure compact error={act.error} /> : null}
    </Modal>
  );
}
