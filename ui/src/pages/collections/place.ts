import type { Collection, Place } from "@/api/collections";

export const placeOf = (collection: Collection): Place =>
  collection.registry
    ? { registry: collection.registry }
    : { experiment: collection.experiment_id ?? undefined };

/** What the wandb client keeps for itself: tables that a run's page shows among its samples, and histories. */
export const isInternal = (type: string): boolean => /^(run_table|wandb-history|job)$/.test(type);
