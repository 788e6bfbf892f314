"""Fine-tune the planned runs and record them with the Assay SDK. ASSAY_URL says where the server is."""

import sys

import assay
from assay.demo.checkpoint import save_adapter
from assay.demo.sweep import PlannedRun, train
from assay.demo.workshop import EXPERIMENT, Workshop, keep_result, open_workshop


def record(workshop: Workshop, planned: PlannedRun) -> None:
    """Train one run under the SDK's eyes."""
    lineage = assay.Lineage(
        data_version=workshop.data_version,
        base_model=workshop.base_reference,
        seed=planned.seed,
    )
    with assay.start_run(EXPERIMENT, name=planned.name, lineage=lineage) as run:
        run.log_params(planned.config.params())
        adapter, result = train(
            planned,
            workshop.base,
            workshop.digits,
            on_step=lambda step, metrics: run.log(metrics, step=step),
        )
        save_adapter(adapter, workshop.adapter_folder(planned))
        run.log_artifacts(workshop.adapter_folder(planned), "adapter")
        keep_result(workshop, run.id, result)


def main() -> None:
    """Record every planned run."""
    workshop = open_workshop(sys.argv[1:])
    for planned in workshop.plans:
        record(workshop, planned)


if __name__ == "__main__":
    main()
