"""Puts dataset versions as the API does, without HTTP."""

import tempfile
from pathlib import Path
from uuid import uuid4

from jinsu.confined.findings import write_findings
from jinsu.confined.ingest import ingest
from jinsu.confined.tasks import FINDINGS, INGESTED
from jinsu.data.content import CONTENT_FOLDER
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.file_sets import copy_files
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.folders import StepFolders
from jinsu.steps.result import seal


def put_dataset(objects: Mirror, name: str, source: Path, created_by: str) -> DatasetVersion:
    """A version from a table file or a folder, whose content lies where the step of the ingestion would leave it."""
    key = uuid4().hex * 2
    files = StepFiles(objects.root / "steps" / key)
    files.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = (
            copy_files(source, files.out / CONTENT_FOLDER)
            if source.is_dir()
            else ingest(source, source.suffix, files.out, Path(scratch))
        )
    write_findings(files.out, found)
    seal(files.root, key, 0.1)
    if objects.store is not None:
        for path in [*files.out.rglob("*"), files.result]:
            if path.is_file():
                objects.store.put(path, path.relative_to(objects.root).as_posix())
    content = StepFolders(objects).document(INGESTED, key, FINDINGS)
    return DatasetStore(objects).add(name, content, key, created_by)
