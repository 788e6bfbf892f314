from assay.domain.errors import AppError as AppError
from assay.domain.lineage import Lineage as Lineage
from assay.sdk.client import Client as Client
from assay.sdk.data_versions import (
    data_version as data_version,
)
from assay.sdk.data_versions import (
    dvc_data_version as dvc_data_version,
)
from assay.sdk.data_versions import (
    git_data_version as git_data_version,
)
from assay.sdk.errors import ApiError as ApiError
from assay.sdk.errors import ServerUnreachable as ServerUnreachable
from assay.sdk.run import Run as Run
from assay.sdk.start import start_run as start_run
from assay.sdk.sync import SyncReport as SyncReport
from assay.sdk.sync import sync as sync

__version__: str
