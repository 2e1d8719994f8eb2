"""The content type that a path suggests: from a fixed table, so that it is the same on every machine."""

from __future__ import annotations

__all__ = ["DEFAULT_CONTENT_TYPE", "guessed_content_type"]

DEFAULT_CONTENT_TYPE = "application/octet-stream"

# By the last suffix: `a.csv.gz` is gzip and not CSV, since nothing tells a reader to decompress it.
_BY_SUFFIX = {
    "arrow": "application/vnd.apache.arrow.file",
    "avif": "image/avif",
    "avro": "application/avro",
    "bmp": "image/bmp",
    "bz2": "application/x-bzip2",
    "css": "text/css",
    "csv": "text/csv",
    "epub": "application/epub+zip",
    "gif": "image/gif",
    "gz": "application/gzip",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "ipynb": "application/x-ipynb+json",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "log": "text/plain",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ndjson": "application/x-ndjson",
    "ogg": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "py": "text/x-python",
    "sh": "application/x-sh",
    "sqlite": "application/vnd.sqlite3",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tgz": "application/gzip",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "toml": "application/toml",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xml": "application/xml",
    "xz": "application/x-xz",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
    "zst": "application/zstd",
}


def guessed_content_type(path: str) -> str:
    """Return the content type for the suffix of `path`, `application/octet-stream` if it says nothing."""
    name = path.rpartition("/")[2]
    return (
        _BY_SUFFIX.get(name.rpartition(".")[2].lower(), DEFAULT_CONTENT_TYPE) if "." in name else DEFAULT_CONTENT_TYPE
    )
