import { useQuery } from "@tanstack/react-query";
import { Navigate, useParams } from "@tanstack/react-router";
import { collectionVersion } from "@/api/collections";
import { Failure, SkeletonRows } from "@/design/states";
import { placeOf } from "./place";

/** Leads from a version's id to its collection. */
export default function ById() {
  const { versionId } = useParams({ from: "/collections/by-id/$versionId" });
  const { data, error, isPending } = useQuery(collectionVersion(versionId));
  if (isPending) return <SkeletonRows />;
  if (error) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} />
      </div>
    );
  }
  return (
    <Navigate
      replace
      to="/collections/$name"
      params={{ name: data.collection.name }}
      search={{ ...placeOf(data.collection), v: data.version ?? undefined }}
    />
  );
}
