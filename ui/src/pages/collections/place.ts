import type { Collection, Place } from "@/api/collections";

export const placeOf = (collection: Collection): Place =>
  collection.registry
    ? { registry: collection.registry }
    : { experiment: collection.experiment_id ?? undefined };
