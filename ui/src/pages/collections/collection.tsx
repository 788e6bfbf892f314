import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { apiPath, filePath } from "@/api/client";
import type { CollectionUse, CollectionVersion } from "@/api/collections";
import * as collections from "@/api/collections";
import * as queries from "@/api/queries";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Fact, Facts, Table } from "@/design/card";
import { cx } from "@/design/cx";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Digest } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { FileViewer } from "@/files/viewer";
import { bytes, plural } from "@/format/number";
import { CollectionVersionLink } from "./link";

const ROUTE = "/collections/$name";

export default function CollectionPage() {
  const { name } = useParams({ from: ROUTE });
  const { experiment, registry, v } = useSearch({ from: ROUTE });
  const place = { experiment, registry };
  const { data, error, isPending, refetch } = useQuery(collections.collection(place, name));
  const versions = useInfiniteQuery(collections.collectionVersions(place, name));
  const home = useQuery({ ...queries.experiment(data?.experiment_id ?? ""), enabled: !!data?.experiment_id });
  if (isPending || versions.isPending) return <SkeletonRows rows={8} />;
  if (error || versions.error) {
    return (
      <div className="px-8 py-6">
        <Failure error={error ?? versions.error} onRetry={() => void refetch()} />
      </div>
    );
  }
  const all = versions.data?.pages.flatMap((page) => page.versions) ?? [];
  const chosen = all.find((each) => each.version === v || each.aliases.includes(v ?? "")) ?? all[0];
  return (
    <Page
      wide
      title={name}
      crumbs={
        <Link to="/collections" className="hover:text-ink">
          Collections
        </Link>
      }
      meta={
        <>
          <Badge>{data.type}</Badge>
          {data.registry ? <Badge tone="accent">registry {data.registry}</Badge> : null}
          {home.data ? (
            <span>
              in{" "}
              <Link
                to="/experiments/$experimentId"
                params={{ experimentId: home.data.experiment_id }}
                className="hover:text-ink hover:underline"
              >
                {home.data.name}
              </Link>
            </span>
          ) : null}
          {data.description ? <span className="text-ink-2">{data.description}</span> : null}
          <span>
            Changed <Moment at={data.updated_at_ms} />
          </span>
        </>
      }
    >
      <div className="grid items-start gap-5 xl:grid-cols-[24rem_minmax(0,1fr)]">
        <Card title="Versions" note={all.length} flush>
          {all.length === 0 ? <p className="p-4 text-ink-3">Nothing was committed yet.</p> : null}
          <ol className="max-h-[70dvh] divide-y divide-line overflow-y-auto">
            {all.map((each) => (
              <VersionLine key={each.version_id + each.version} version={each} isChosen={each === chosen} />
            ))}
          </ol>
          {versions.hasNextPage ? (
            <Button variant="ghost" className="m-2" onClick={() => void versions.fetchNextPage()}>
              Older versions
            </Button>
          ) : null}
        </Card>
        {chosen ? <Chosen key={chosen.version_id} version={chosen} /> : null}
      </div>
    </Page>
  );
}

function VersionLine({ version, isChosen }: { version: CollectionVersion; isChosen: boolean }) {
  return (
    <li>
      <Link
        to="."
        search={(before) => ({ ...before, v: version.version ?? undefined, path: undefined })}
        aria-current={isChosen ? "true" : undefined}
        className={cx("block px-4 py-2.5", isChosen ? "bg-accent-soft" : "hover:bg-hover")}
      >
        <span className="flex flex-wrap items-center gap-1.5">
          <span className="font-medium tabular">{version.version}</span>
          {version.aliases.map((alias) => (
            <Badge key={alias} tone="accent">
              {alias}
            </Badge>
          ))}
          {version.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </span>
        <span className="mt-0.5 block text-xs text-ink-2 tabular">
          {bytes(version.size_bytes)} in {plural(version.file_count, "file")},{" "}
          <Moment at={version.committed_at_ms ?? version.created_at_ms} /> by {version.created_by}
        </span>
      </Link>
    </li>
  );
}

function Chosen({ version }: { version: CollectionVersion }) {
  return (
    <div className="min-w-0 space-y-5">
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Card title={`Version ${version.version}`}>
          <Facts>
            {version.description ? <Fact name="Description">{version.description}</Fact> : null}
            <Standing version={version} />
            <Fact name="Size">
              {bytes(version.size_bytes)} in {plural(version.file_count, "file")}
            </Fact>
            <Fact name="Digest">{version.digest ? <Digest value={version.digest} length={20} /> : "–"}</Fact>
            {version.ttl_s === null ? null : (
              <Fact name="Kept for">{plural(Math.round(version.ttl_s / 86_400), "day")}</Fact>
            )}
            {metadataOf(version.metadata).map(([key, value]) => (
              <Fact key={key} name={key}>
                <code className="font-mono text-xs break-all">{value}</code>
              </Fact>
            ))}
          </Facts>
        </Card>
        <Uses version={version} />
      </div>
      <Files version={version} />
    </div>
  );
}

/** Where else the version stands: collections that it was linked to, and the registered models among them. */
function Standing({ version }: { version: CollectionVersion }) {
  const all = useQuery(collections.memberships(version.version_id)).data ?? [version];
  const here = version.collection;
  const others = all.filter(
    ({ collection }) => collection.name !== here.name || collection.registry !== here.registry,
  );
  return (
    <>
      {all
        .filter((each) => each.model !== null)
        .map((each) => (
          <Fact key={`${each.model} ${each.model_version}`} name="Registered as">
            <Link
              to="/models/$name/versions/$version"
              params={{ name: each.model!, version: String(each.model_version) }}
              className="text-accent-ink hover:underline"
            >
              {each.model} v{each.model_version}
            </Link>
          </Fact>
        ))}
      {others.length > 0 ? (
        <Fact name="Also in">
          <ul className="space-y-0.5">
            {others.map((each) => (
              <li
                key={`${each.collection.registry} ${each.collection.experiment_id} ${each.collection.name}`}
              >
                <CollectionVersionLink version={each} />
                {each.collection.registry ? (
                  <span className="ml-2 text-xs text-ink-3">registry {each.collection.registry}</span>
                ) : null}
              </li>
            ))}
          </ul>
        </Fact>
      ) : null}
    </>
  );
}

/** The version's metadata as names and texts. */
function metadataOf(json: string): [string, string][] {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== "object" || parsed === null) return [];
    return Object.entries(parsed).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
  } catch {
    return [];
  }
}

/** The lineage of the version: who made it, and who read it. */
function Uses({ version }: { version: CollectionVersion }) {
  const { data, error, isPending } = useQuery(collections.usesOfVersion(version.version_id));
  if (isPending) return <SkeletonRows rows={3} />;
  if (error) return <Failure compact error={error} />;
  const made = data.filter((each) => each.direction === "output");
  const read = data.filter((each) => each.direction === "input");
  return (
    <Card title="Runs">
      <div className="grid grid-cols-[minmax(0,1fr)_auto_minmax(0,1fr)] items-start gap-3">
        <RunList title="Logged by" uses={made} none="no run" />
        <ArrowRight aria-hidden className="mt-6 size-4 text-ink-3" />
        <RunList title="Used by" uses={read} none="nobody yet" />
      </div>
    </Card>
  );
}

function RunList({ title, uses, none }: { title: string; uses: readonly CollectionUse[]; none: string }) {
  return (
    <div className="min-w-0">
      <h3 className="text-xs text-ink-3">{title}</h3>
      {uses.length === 0 ? <p className="mt-1 text-ink-2">{none}</p> : null}
      <ul className="mt-1 space-y-1">
        {uses.map((each) => (
          <li key={`${each.run_id} ${each.used_as}`}>
            <RunName runId={each.run_id} />
            {each.used_as ? <span className="block text-xs text-ink-3">as {each.used_as}</span> : null}
          </li>
        ))}
      </ul>
    </div>
  );
}

function RunName({ runId }: { runId: string }) {
  const run = useQuery(queries.run(runId)).data;
  return (
    <Link
      to="/runs/$runId"
      params={{ runId }}
      className="block truncate font-medium hover:text-accent-ink hover:underline"
    >
      {run?.name ?? runId.slice(0, 12)}
    </Link>
  );
}

function Files({ version }: { version: CollectionVersion }) {
  const { path } = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const pages = useInfiniteQuery(collections.collectionFiles(version.version_id));
  if (pages.isPending) return <SkeletonRows />;
  if (pages.error) return <Failure error={pages.error} />;
  const files = pages.data.pages.flatMap((page) => page.files);
  const chosen = files.find((each) => each.path === path && each.sha256 !== null);
  return (
    <>
      <Card title="Files" note={version.file_count} flush>
        <div className="max-h-[32rem] overflow-y-auto">
          <Table label="Files" head={["File", "Size", "SHA-256, or where it is"]}>
            {files.map((file) => (
              <tr key={file.path} className={cx(file === chosen ? "bg-accent-soft" : "hover:bg-hover")}>
                <td>
                  {file.sha256 ? (
                    <button
                      type="button"
                      onClick={() =>
                        void navigate({
                          to: ".",
                          search: (before) => ({
                            ...before,
                            v: version.version ?? undefined,
                            path: file.path,
                          }),
                          replace: true,
                        })
                      }
                      className="text-left font-mono text-xs break-all hover:text-accent-ink hover:underline"
                    >
                      {file.path}
                    </button>
                  ) : (
                    <span className="font-mono text-xs break-all">{file.path}</span>
                  )}
                </td>
                <td className="whitespace-nowrap tabular">
                  {file.size_bytes === null ? "–" : bytes(file.size_bytes)}
                </td>
                <td>
                  {file.sha256 ? (
                    <Digest value={file.sha256} length={20} />
                  ) : (
                    <code className="font-mono text-xs break-all text-ink-2">{file.reference}</code>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </div>
        {pages.hasNextPage ? (
          <Button variant="ghost" className="m-2" onClick={() => void pages.fetchNextPage()}>
            More files
          </Button>
        ) : null}
      </Card>
      {chosen?.sha256 ? (
        <Card flush>
          <FileViewer
            key={chosen.path}
            file={{
              path: chosen.path,
              sizeBytes: chosen.size_bytes ?? 0,
              sha256: chosen.sha256,
              url: `${apiPath("collection-versions", version.version_id)}/files/${filePath(chosen.path)}`,
            }}
          />
        </Card>
      ) : null}
    </>
  );
}
