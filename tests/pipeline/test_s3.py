"""Tables and versions in a bucket, on an S3 server."""

import logging
import urllib.request

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from tfx.dsl.io import fileio

from components.baseline.pushed_model import newest_version
from components.pusher.publish import publish
from components.table_gen.contract import contract_of
from components.table_gen.source import find
from pipeline import config as configs
from pipeline import s3


@pytest.fixture
def bucket(monkeypatch):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3.register()
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"")  # servers of one process share their state
    client = boto3.client("s3")
    client.create_bucket(Bucket="shop")
    try:
        yield client
    finally:
        server.stop()


def test_a_file_is_read_as_it_was_written(bucket):
    with fileio.open("s3://shop/a/b.txt", "w") as file:
        file.write("Käse\n")
    with fileio.open("s3://shop/a/b.txt") as file:
        assert file.read() == "Käse\n"
    with fileio.open("s3://shop/a/b.txt", "rb") as file:
        assert file.read() == "Käse\n".encode()


def test_folders_are_what_keys_have_in_common(bucket):
    for key in ("models/1/saved_model.pb", "models/1/variables/index", "models/2/saved_model.pb", "models-old/x"):
        bucket.put_object(Bucket="shop", Key=key, Body=b"")
    assert fileio.listdir("s3://shop/models") == ["1", "2"]
    assert fileio.isdir("s3://shop/models/1/variables")
    assert not fileio.isdir("s3://shop/models/3")
    assert fileio.exists("s3://shop/models/1/saved_model.pb")
    assert not fileio.exists("s3://shop/models/1/saved")
    assert fileio.glob("s3://shop/models/*/saved_model.pb") == [
        "s3://shop/models/1/saved_model.pb",
        "s3://shop/models/2/saved_model.pb",
    ]
    assert list(fileio.walk("s3://shop/models/1")) == [
        ("s3://shop/models/1", ["variables"], ["saved_model.pb"]),
        ("s3://shop/models/1/variables", [], ["index"]),
    ]


def test_removing_a_folder_leaves_its_neighbours(bucket):
    for key in ("models/1/saved_model.pb", "models/1/variables/index", "models/10/saved_model.pb"):
        bucket.put_object(Bucket="shop", Key=key, Body=b"")
    fileio.rmtree("s3://shop/models/1")
    assert [found["Key"] for found in bucket.list_objects_v2(Bucket="shop")["Contents"]] == ["models/10/saved_model.pb"]


def test_a_version_that_is_pushed_becomes_the_newest(bucket, tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"index")
    assert newest_version("s3://shop/models") is None
    assert publish(str(tmp_path), "s3://shop/models", "1000") == "s3://shop/models/1000"
    publish(str(tmp_path), "s3://shop/models", "999")
    assert newest_version("s3://shop/models") == "1000"
    assert bucket.get_object(Bucket="shop", Key="models/1000/variables/variables.index")["Body"].read() == b"index"


def test_spans_of_a_table_are_found(bucket, tmp_path):
    table = pa.table({"user_id": ["a"], "item_id": ["1"], "timestamp": [1], "event": ["purchase"], "store_id": ["s"]})
    pq.write_table(table, tmp_path / "part.parquet")
    for span in (3, 12):
        bucket.upload_file(str(tmp_path / "part.parquet"), "shop", f"tables/events/span-{span}/part.parquet")
    source = find("s3://shop/tables/events", contract_of("events", configs.load("complete_journey")))
    assert (source.span, source.num_rows) == (12, 2)
