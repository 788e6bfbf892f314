import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import * as queries from "@/api/queries";
import { Card, Table } from "@/design/card";
import { SearchInput } from "@/design/field";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { firstVersion } from "../snippets";
import { AliasBadge } from "./outcome";

export default function ModelsPage() {
  const { q } = useSearch({ from: "/models" });
  const navigate = useNavigate({ from: "/models" });
  const { data, error, isPending, refetch } = useQuery(queries.models());
  const words = (q ?? "").toLowerCase();
  const shown = (data ?? []).filter((each) =>
    `${each.name} ${each.description}`.toLowerCase().includes(words),
  );
  return (
    <Page
      title="Models"
      actions={
        data?.length ? (
          <SearchInput
            value={q ?? ""}
            onValue={(next) => void navigate({ to: ".", search: { q: next || undefined }, replace: true })}
            placeholder="Find a model"
            className="w-56"
          />
        ) : null
      }
    >
      {isPending ? (
        <SkeletonRows />
      ) : error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : data.length === 0 ? (
        <Empty icon={<Boxes />} title="No models yet">
          <p>
            A model is a named line of versions. A version freezes the files of a run together with what they
            were made from; one of them holds <em>production</em> after it passed the gate.
          </p>
          <Snippet text={firstVersion("support-bot")} />
        </Empty>
      ) : (
        <Card flush>
          <Table label="Models" head={["Model", "In production", "Other aliases", "Versions", "Changed"]}>
            {shown.map((model) => {
              const held = model.aliases.filter((each) => each.version !== null);
              const production = held.filter((each) => each.is_protected);
              return (
                <tr key={model.name} className="hover:bg-hover">
                  <td>
                    <Link
                      to="/models/$name"
                      params={{ name: model.name }}
                      className="font-medium hover:text-accent-ink hover:underline"
                    >
                      {model.name}
                    </Link>
                    {model.description ? (
                      <span className="block max-w-md truncate text-xs text-ink-3">{model.description}</span>
                    ) : null}
                  </td>
                  <td>
                    <span className="flex flex-wrap items-center gap-2">
                      {production.length === 0 ? <span className="text-ink-3">nobody</span> : null}
                      {production.map((each) => (
                        <span key={each.alias} className="inline-flex items-center gap-1.5">
                          <AliasBadge alias={each.alias} isProtected />
                          <span className="tabular">v{each.version}</span>
                        </span>
                      ))}
                    </span>
                  </td>
                  <td>
                    <span className="flex flex-wrap gap-1.5">
                      {held
                        .filter((each) => !each.is_protected)
                        .map((each) => (
                          <span key={each.alias} className="inline-flex items-center gap-1.5">
                            <AliasBadge alias={each.alias} />v{each.version}
                          </span>
                        ))}
                    </span>
                  </td>
                  <td className="tabular">{model.last_version}</td>
                  <td className="whitespace-nowrap text-ink-2">
                    <Moment at={model.updated_at_ms} />
                  </td>
                </tr>
              );
            })}
          </Table>
        </Card>
      )}
    </Page>
  );
}
