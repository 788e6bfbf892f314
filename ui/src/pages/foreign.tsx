import { useQuery } from "@tanstack/react-query";
import { Navigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { send } from "@/api/client";
import { Failure, SkeletonRows } from "@/design/states";
import { namedIn } from "./foreign-parts";

/** Leads from an address that the wandb client printed to the page of what it names. */
export default function Foreign() {
  const params = useParams({ strict: false });
  // While the router leaves this page the parameters are already those of the next one.
  const [{ entity, project, named }] = useState(() => ({
    entity: params.entity ?? "default",
    project: params.project ?? "",
    named: namedIn(params._splat ?? ""),
  }));
  const { data, error, isPending } = useQuery({
    queryKey: ["client-link", entity, project, named.run ?? null],
    queryFn: async ({ signal }) => {
      const query = { project, run: named.run };
      const headers = { "x-assay-workspace": entity };
      const response = await send("GET", "/client-links", { query, headers, signal });
      return (await response.json()) as { experiment_id: string; run_id: string | null };
    },
    retry: false,
  });
  if (isPending) return <SkeletonRows />;
  if (error) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} />
      </div>
    );
  }
  const ws = entity === "default" ? undefined : entity;
  if (data.run_id) {
    return (
      <Navigate replace to="/runs/$runId" params={{ runId: data.run_id }} search={{ ws, tab: named.tab }} />
    );
  }
  if (named.artifact) {
    return (
      <Navigate
        replace
        to="/collections/$name"
        params={{ name: named.artifact }}
        search={{ ws, experiment: data.experiment_id, v: named.version }}
      />
    );
  }
  return (
    <Navigate
      replace
      to="/experiments/$experimentId"
      params={{ experimentId: data.experiment_id }}
      search={{ ws }}
    />
  );
}
