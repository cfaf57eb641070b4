"""An object store with the S3 API, through boto3: AWS, or any other server of that API.

Each object carries the sha256 of its content as metadata and is verified on every read, because a proxy or a store may
hand out half an object with a good status. Uploads in parts are aborted when they fail, so that no part is paid for.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from jinsu.errors import JinsuError, NotFoundError, TransientError
from jinsu.objects.downloads import BLOCK_BYTES, drafted, write_blocks
from jinsu.objects.store import Stored

log = logging.getLogger("jinsu.s3")

_Answer = TypeVar("_Answer")
_DIGEST = "sha256"
DIGEST_HEADER = f"x-amz-meta-{_DIGEST}"
PART_BYTES = 16 * 2**20
"""Larger files are uploaded in parts of this size."""
_ATTEMPTS = 4
_DELETED_AT_ONCE = 1000
_SETTLING_SECONDS = 1.0
"""How long `create` waits on a server without conditional writes, until it looks whose object it was that stayed."""
_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_UNKNOWN = frozenset({"NotImplemented", "501", "InvalidArgument"})


@dataclass(frozen=True)
class S3Settings:
    """Address and identity of the store.

    endpoint: None for AWS. prefix: the part of the bucket that Jinsu uses. ca_file: certificates for TLS. access_key,
    secret_key: without them the machine's own identity is used (IRSA, an instance role, the AWS environment). attempts:
    how often boto3 sends a request at most.
    """

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = ""
    path_style: bool = True
    ca_file: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    attempts: int = 8


def digest_header(digest: str) -> dict[str, str]:
    """The header that carries an object's sha256."""
    return {DIGEST_HEADER: digest}


class Damaged(Exception):
    """The content that arrived has another digest than the content that was sent."""


class S3:
    """One bucket, or the part of a bucket below a prefix. The methods keep the promises of `Store`."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        settings = self._settings
        return boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            verify=settings.ca_file,
            config=Config(
                signature_version="s3v4",  # else addresses may be signed with the old version, which binds no header
                # Adaptive: boto3 sends less when the store answers SlowDown.
                retries={"mode": "adaptive", "total_max_attempts": settings.attempts},
                s3={"addressing_style": "path" if settings.path_style else "virtual"},
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=16,
                # Many servers do not know checksums in trailers; the metadata of every object holds Jinsu's own.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @cached_property
    def _transfer(self) -> Any:
        from boto3.s3.transfer import TransferConfig

        return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)

    def put(self, path: Path, key: str) -> None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()

        def upload() -> None:
            self._client.upload_file(
                str(path),
                self._settings.bucket,
                self._key(key),
                ExtraArgs={"Metadata": {_DIGEST: digest}},
                Config=self._transfer,
            )

        self._with_retries(upload, f"upload of {key}")

    def get(self, key: str, path: Path) -> None:
        def download(draft: Path) -> None:
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=self._key(key))
            self._verify(key, answer, write_blocks(draft, answer["Body"].iter_chunks(BLOCK_BYTES)))

        with drafted(path) as draft:
            self._with_retries(lambda: download(draft), f"download of {key}")

    def blocks(self, key: str) -> Iterator[bytes]:
        """The content of an object as it comes; a body that breaks off raises TransientError."""
        from botocore.exceptions import BotoCoreError

        answer = self._with_retries(
            lambda: self._client.get_object(Bucket=self._settings.bucket, Key=self._key(key)), f"download of {key}"
        )
        try:
            yield from answer["Body"].iter_chunks(BLOCK_BYTES)
        except (BotoCoreError, OSError) as problem:
            raise self._explained(f"download of {key}", problem, "") from problem

    def write(self, key: str, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        self._with_retries(
            lambda: self._client.put_object(
                Bucket=self._settings.bucket, Key=self._key(key), Body=data, Metadata={_DIGEST: digest}
            ),
            f"upload of {key}",
        )

    def create(self, key: str, data: bytes) -> bool:
        """As `PlatformStore.create`. A server without conditional writes is asked twice instead, a second apart.

        The second way (Fischer's mutual exclusion) holds for callers that are served within that second.
        """
        if self._conditional:
            # An answer may have been lost on its way, and the request was sent again: the content says whose object it is.
            return self._create(key, data) or self.read(key) == data
        if (found := self.read(key)) is None:
            self.write(key, data)
            time.sleep(_SETTLING_SECONDS)
            found = self.read(key)
        return found == data

    @cached_property
    def _conditional(self) -> bool:
        """Whether the server knows `If-None-Match`: some ignore it, which a second object of the same name shows."""
        key = f".probe/{uuid4().hex}"
        try:
            return self._create(key, b"1") and not self._create(key, b"2")
        except NotImplementedError:
            return False
        finally:
            self.delete(key)

    def _create(self, key: str, data: bytes) -> bool:
        """Raises NotImplementedError when the server refuses the condition itself."""
        from botocore.exceptions import ClientError

        digest = hashlib.sha256(data).hexdigest()

        def upload() -> bool:
            try:
                self._client.put_object(
                    Bucket=self._settings.bucket,
                    Key=self._key(key),
                    Body=data,
                    Metadata={_DIGEST: digest},
                    IfNoneMatch="*",
                )
            except ClientError as problem:
                code = str(problem.response.get("Error", {}).get("Code"))
                if code in _EXISTS:
                    return False
                if code in _UNKNOWN:
                    raise NotImplementedError from problem
                raise
            return True

        return self._with_retries(upload, f"upload of {key}")

    def read(self, key: str) -> bytes | None:
        def download() -> bytes:
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=self._key(key))
            data = bytes(answer["Body"].read())
            self._verify(key, answer, hashlib.sha256(data).hexdigest())
            return data

        try:
            return self._with_retries(download, f"download of {key}")
        except NotFoundError:
            return None

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        prefix_length = len(self._key(""))
        for page in self._pages(prefix, {"StartAfter": self._key(after)} if after else {}):
            yield from (item["Key"][prefix_length:] for item in page.get("Contents", []))

    def stored(self, prefix: str) -> Iterator[Stored]:
        prefix_length = len(self._key(""))
        for page in self._pages(prefix, {}):
            for item in page.get("Contents", []):
                yield Stored(item["Key"][prefix_length:], int(item["Size"]), item["LastModified"].timestamp())

    def folders(self, prefix: str) -> Iterator[str]:
        prefix_length = len(self._key(prefix))
        for page in self._pages(prefix, {"Delimiter": "/"}):
            yield from (item["Prefix"][prefix_length:].rstrip("/") for item in page.get("CommonPrefixes", []))

    def _pages(self, prefix: str, options: dict[str, str]) -> Iterator[Any]:
        """Pages of a listing; `options` are further arguments of ListObjectsV2."""
        arguments = {"Bucket": self._settings.bucket, "Prefix": self._key(prefix), **options}
        while True:
            page = self._with_retries(lambda: self._client.list_objects_v2(**arguments), f"list of {prefix}")
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, prefix: str) -> None:
        objects = [{"Key": self._key(key)} for key in self.keys(prefix)]
        for start in range(0, len(objects), _DELETED_AT_ONCE):
            batch = {"Objects": objects[start : start + _DELETED_AT_ONCE], "Quiet": True}
            call = partial(self._client.delete_objects, Bucket=self._settings.bucket, Delete=batch)
            self._with_retries(call, f"deletion of {prefix}")

    # --- Addresses that are signed for another process ---

    def signed_get(self, key: str, seconds: int) -> str:
        """An address from which the object may be read for so many seconds."""
        return self._signed("get_object", {"Key": self._key(key)}, seconds)

    def signed_put(self, key: str, digest: str, seconds: int) -> str:
        """An address to which the object may be written, with the header of `digest_header(digest)`."""
        return self._signed("put_object", {"Key": self._key(key), "Metadata": {_DIGEST: digest}}, seconds)

    def begin_parts(self, key: str, digest: str) -> str:
        """Begins an upload in parts; returns its id."""

        def begin() -> str:
            metadata = {_DIGEST: digest}
            answer = self._client.create_multipart_upload(
                Bucket=self._settings.bucket, Key=self._key(key), Metadata=metadata
            )
            return str(answer["UploadId"])

        return self._with_retries(begin, f"upload of {key}")

    def signed_part(self, key: str, upload: str, number: int, seconds: int) -> str:
        """An address to which part `number`, from 1 on, may be written."""
        parameters = {"Key": self._key(key), "UploadId": upload, "PartNumber": number}
        return self._signed("upload_part", parameters, seconds)

    def complete_parts(self, key: str, upload: str, tags: Sequence[str]) -> None:
        """Makes the object of its parts; tags: the ETags that the store gave for them, in order."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        call = partial(self._client.complete_multipart_upload, Bucket=self._settings.bucket, Key=self._key(key))
        self._with_retries(lambda: call(UploadId=upload, MultipartUpload={"Parts": parts}), f"upload of {key}")

    def abort_parts(self, key: str, upload: str) -> None:
        """Removes the parts of an upload that failed."""
        call = partial(self._client.abort_multipart_upload, Bucket=self._settings.bucket, Key=self._key(key))
        self._with_retries(lambda: call(UploadId=upload), f"upload of {key}")

    def _signed(self, verb: str, parameters: dict[str, Any], seconds: int) -> str:
        parameters = {"Bucket": self._settings.bucket, **parameters}
        call = partial(self._client.generate_presigned_url, verb, Params=parameters, ExpiresIn=seconds)
        return str(self._with_retries(call, f"signature of {verb}"))

    def _key(self, key: str) -> str:
        """The key in the bucket, with the prefix."""
        return f"{self._settings.prefix.strip('/')}/{key}".lstrip("/")

    def _verify(self, key: str, answer: Any, digest: str) -> None:
        """Raises Damaged when `digest`, of what arrived, is not the digest in the object's metadata."""
        sent = answer["Metadata"].get(_DIGEST)
        if sent is not None and sent != digest:
            raise Damaged(f"{key}: arrived with sha256 {digest[:12]}, was sent with {sent[:12]}")

    def _with_retries(self, request: Callable[[], _Answer], action: str) -> _Answer:
        """The request's answer. boto3 repeats what the store refuses; a body that breaks off or is damaged is repeated here.

        `action` names the request in messages. Raises NotFoundError and TransientError.
        """
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError

        attempt = 0
        while True:
            attempt += 1
            try:
                return request()
            except ClientError as problem:
                code = str(problem.response.get("Error", {}).get("Code"))
                if code in ("NoSuchKey", "404"):
                    raise NotFoundError(f"{action}: it is not in the object store.") from problem
                raise self._explained(action, problem, code) from problem
            except S3UploadFailedError as problem:
                raise self._explained(action, problem, "") from problem
            except (BotoCoreError, Damaged, OSError) as problem:
                if attempt == _ATTEMPTS or (isinstance(problem, OSError) and problem.errno is not None):
                    raise self._explained(action, problem, "") from problem
                log.warning("%s: %s; it is tried again", action, problem)
                time.sleep(0.1 * 2**attempt)

    def _explained(self, action: str, problem: Exception, code: str) -> JinsuError:
        """The platform's error for a failed request; `code` is the store's, or empty."""
        store = self._settings.endpoint or "s3"
        hint = {
            "NoSuchBucket": f"bucket {self._settings.bucket!r} does not exist; create it or correct objectStore.bucket",
            "AccessDenied": "access is denied; let this identity read and write the bucket",
            "InvalidAccessKeyId": "the store does not know the access key; correct objectStore.existingSecret",
            "SignatureDoesNotMatch": "the secret key is wrong; correct objectStore.existingSecret",
        }.get(code, str(problem))
        return TransientError(f"object store {store}: {action}: {hint}; it is tried again.", 10.0)
