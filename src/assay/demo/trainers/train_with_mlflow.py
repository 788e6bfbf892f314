"""Fine-tune the planned runs and record them with the unmodified `mlflow` client.

Nothing below knows which server answers: MLFLOW_TRACKING_URI says where it is.
"""

import sys

import mlflow

from assay.demo.checkpoint import save_adapter
from assay.demo.sweep import PlannedRun, train
from assay.demo.workshop import EXPERIMENT, Workshop, keep_result, open_workshop


def record(workshop: Workshop, planned: PlannedRun) -> None:
    """Train one run under mlflow's eyes."""
    with mlflow.start_run(run_name=planned.name) as run:
        mlflow.log_params(
            {
                "base": workshop.base_reference,
                "dataset_version": workshop.data_version,
                "seed": planned.seed,
                **planned.config.params(),
            }
        )
        adapter, result = train(
            planned,
            workshop.base,
            workshop.digits,
            on_step=lambda step, metrics: mlflow.log_metrics(metrics, step=step),
        )
        save_adapter(adapter, workshop.adapter_folder(planned))
        mlflow.log_artifacts(str(workshop.adapter_folder(planned)), "adapter")
        keep_result(workshop, run.info.run_id, result)


def main() -> None:
    """Record every planned run."""
    workshop = open_workshop(sys.argv[1:])
    mlflow.set_experiment(EXPERIMENT)
    for planned in workshop.plans:
        record(workshop, planned)


if __name__ == "__main__":
    main()
