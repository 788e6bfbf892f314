import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronDown, Download, FileSignature } from "lucide-react";
import { collectionVersion } from "@/api/collections";
import * as governance from "@/api/governance";
import type { Version } from "@/api/types";
import { failed } from "@/app/toasts";
import { save } from "@/charts/download";
import { Button, IconButton } from "@/design/button";
import { Card } from "@/design/card";
import { Menu, MenuItem } from "@/design/menu";
import { Moment } from "@/design/moment";
import { Digest, Snippet } from "@/design/snippet";
import { receive } from "@/files/receive";
import { actorName } from "@/format/actor";
import { CollectionVersionLink } from "../collections/link";

const FORMS = [
  ["slsa", "SLSA provenance", "in-toto"],
  ["dsse", "SLSA, signed by this server", "DSSE"],
  ["mlbom", "Bill of materials", "CycloneDX"],
  ["openlineage", "Lineage event", "OpenLineage"],
  ["modelcard", "Model card", "Hugging Face"],
] as const;

/** The version's history in the forms that other tools read. */
export function ProvenanceMenu({ version }: { version: Version }) {
  const path = `${governance.versionPath(version.model, version.version)}/provenance`;
  const name = `${version.model}-v${version.version}`;
  return (
    <Menu
      trigger={
        <Button variant="ghost">
          <Download /> Provenance <ChevronDown />
        </Button>
      }
    >
      {FORMS.map(([format, title, note]) => (
        <MenuItem
          key={format}
          note={note}
          onSelect={() => void receive(path, `${name}-${format}.json`, { format }).catch(failed)}
        >
          {title}
        </MenuItem>
      ))}
    </Menu>
  );
}

/** Signatures of the files that somebody left here, to be verified where the files are used. */
export function Signatures({ version }: { version: Version }) {
  const { data } = useQuery(governance.signatures(version.model, version.version));
  if (!data?.length) return null;
  return (
    <Card title="Signatures of the files" note="verified at download" flush>
      <ul className="divide-y divide-line">
        {data.map((each) => (
          <li key={each.sha256} className="flex items-center gap-3 px-4 py-2.5">
            <FileSignature className="size-4 shrink-0 text-ink-3" />
            <span className="min-w-0 flex-1">
              <span className="block font-medium">
                {each.kind === "openssf" ? "OpenSSF model signing" : each.kind}
              </span>
              <span className="block text-xs text-ink-3">
                <Moment at={each.created_at_ms} /> by {actorName(each.created_by)}
              </span>
            </span>
            <Digest value={each.sha256} />
            <IconButton
              label="Download the signature"
              onClick={() =>
                save(
                  new Blob([each.bundle], { type: "application/json" }),
                  `${version.model}-v${version.version}.sig`,
                )
              }
            >
              <Download />
            </IconButton>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** What was promised of making this version again, and how anybody checks it. */
export function Claims({ version }: { version: Version }) {
  const all = useQuery(governance.claims()).data ?? [];
  const own = all.filter((each) => each.model === version.model && each.version === version.version);
  if (own.length === 0) return null;
  return (
    <Card title="Claims that it can be made again" note={own.length}>
      <ul className="space-y-4">
        {own.map((each) => (
          <li key={each.name}>
            <p className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium">{each.name}</span>
              <span className="text-xs text-ink-3">
                <Moment at={each.created_at_ms} /> by {actorName(each.created_by)}
              </span>
              <span className="ml-auto">
                <Digest value={each.terms_digest} />
              </span>
            </p>
            <Snippet className="mt-1.5" text={`assay repro check --claim ${each.name} --candidate RUN_ID`} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** The version's way here, as a link where it came from a collection. */
export function SourceText({ version }: { version: Version }) {
  const from = /^collection:([0-9A-Za-z_-]+)$/.exec(version.source)?.[1];
  const { data } = useQuery({ ...collectionVersion(from ?? ""), enabled: from !== undefined });
  if (data) return <CollectionVersionLink version={data} />;
  if (from) {
    return (
      <Link
        to="/collections/by-id/$versionId"
        params={{ versionId: from }}
        className="text-accent-ink hover:underline"
      >
        a version of a collection
      </Link>
    );
  }
  return (
    <code className="font-mono text-xs break-all">{version.source || version.artifact_path || "–"}</code>
  );
}
