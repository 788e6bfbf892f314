"""Record a run with the unmodified `mlflow` client, but forget to say which data it was trained on.

Registering it is refused at once, and the error names what is missing.
"""

import sys

import mlflow


def main() -> None:
    """Record the run and try to register what it made."""
    adapter, model = sys.argv[1:]
    mlflow.set_experiment("digits-scratch")
    with mlflow.start_run(run_name="forgot-the-data") as run:
        mlflow.log_params({"base": "digits-mlp", "seed": 0, "lr": 0.01, "lora_r": 4})
        mlflow.log_artifacts(adapter, "adapter")
    mlflow.MlflowClient().create_model_version(
        model, source=f"runs:/{run.info.run_id}/adapter", run_id=run.info.run_id
    )


if __name__ == "__main__":
    main()
