import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Layers } from "lucide-react";
import { useMemo } from "react";
import { type Collection, collections } from "@/api/collections";
import * as queries from "@/api/queries";
import { Badge } from "@/design/badge";
import { Button } from "@/design/button";
import { Card, Table } from "@/design/card";
import { cx } from "@/design/cx";
import { SearchInput } from "@/design/field";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { firstCollection, firstWandbArtifact } from "../snippets";
import { isInternal, placeOf } from "./place";

const ROUTE = "/collections";

export default function CollectionsPage() {
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const pages = useInfiniteQuery(collections());
  const names = useQuery(queries.experiments("all")).data;
  const experiments = useMemo(() => new Map(names?.map((each) => [each.experiment_id, each.name])), [names]);
  const all = useMemo(() => pages.data?.pages.flatMap((page) => page.collections) ?? [], [pages.data]);
  const types = [...new Set(all.map((each) => each.type))].sort();
  const words = (search.q ?? "").toLowerCase();
  const shown = all.filter(
    (each) =>
      (search.type ? each.type === search.type : !isInternal(each.type)) &&
      each.name.toLowerCase().includes(words),
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <Page
      wide
      title="Collections"
      meta="Data, models and results with versions that do not change, and the runs that read and made them."
      actions={
        all.length > 0 ? (
          <SearchInput
            value={search.q ?? ""}
            onValue={(q) => set({ q: q || undefined })}
            placeholder="Find a collection"
            className="w-64"
          />
        ) : null
      }
    >
      {pages.isPending ? (
        <SkeletonRows />
      ) : pages.error ? (
        <Failure error={pages.error} onRetry={() => void pages.refetch()} />
      ) : all.length === 0 ? (
        <Empty icon={<Layers />} title="No collections yet">
          <p>
            What a run logs as an artifact is a version of a collection; the same content again makes no new
            one:
          </p>
          <Snippet text={firstCollection()} />
          <p>or with the wandb client:</p>
          <Snippet text={firstWandbArtifact()} />
        </Empty>
      ) : (
        <>
          <nav aria-label="Types" className="mb-4 flex flex-wrap gap-1">
            {[undefined, ...types].map((type) => (
              <button
                key={type ?? ""}
                type="button"
                aria-pressed={search.type === type}
                onClick={() => set({ type })}
                className={cx(
                  "h-7 rounded-md px-2.5 text-xs font-medium",
                  search.type === type ? "bg-accent-soft text-accent-ink" : "text-ink-2 hover:bg-hover",
                )}
              >
                {type ?? "All types"}
              </button>
            ))}
          </nav>
          <Card flush>
            <Table label="Collections" head={["Name", "Type", "Where", "Changed"]}>
              {shown.map((each) => (
                <Line
                  key={`${each.registry} ${each.experiment_id} ${each.name}`}
                  collection={each}
                  home={each.registry ?? experiments.get(each.experiment_id ?? "")}
                />
              ))}
            </Table>
            {shown.length === 0 ? <p className="p-4 text-ink-3">None of that name and type.</p> : null}
          </Card>
          {pages.hasNextPage ? (
            <Button className="mt-4" onClick={() => void pages.fetchNextPage()}>
              More collections
            </Button>
          ) : null}
        </>
      )}
    </Page>
  );
}

function Line({ collection, home }: { collection: Collection; home: string | undefined }) {
  return (
    <tr className="hover:bg-hover">
      <td className="max-w-96">
        <Link
          to="/collections/$name"
          params={{ name: collection.name }}
          search={placeOf(collection)}
          className="font-medium break-all hover:text-accent-ink hover:underline"
        >
          {collection.name}
        </Link>
        {collection.description ? (
          <span className="line-clamp-1 text-xs text-ink-3">{collection.description}</span>
        ) : null}
      </td>
      <td>
        <Badge>{collection.type}</Badge>
      </td>
      <td className="text-ink-2">
        {collection.registry ? <Badge tone="accent">registry</Badge> : null} {home}
      </td>
      <td className="whitespace-nowrap text-ink-2">
        <Moment at={collection.updated_at_ms} />
        <span className="block text-xs text-ink-3">{collection.created_by}</span>
      </td>
    </tr>
  );
}
