"""A local S3 server for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

KEY, SECRET = "AKIAINVENTEDKEY00001", "invented/Secret+Key0123456789abcdefghijk"
BUCKET = "corpora"


@contextmanager
def s3_server(files: dict[str, bytes]) -> Iterator[str]:
    """Serve ``files`` in the bucket ``corpora``, and yield the server's URL."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )
        client.create_bucket(Bucket=BUCKET)
        for name, content in files.items():
            client.put_object(Bucket=BUCKET, Key=name, Body=content)
        client.close()
        yield url
    finally:
        server.stop()
