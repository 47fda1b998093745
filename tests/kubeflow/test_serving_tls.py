"""The script that makes TensorFlow Serving's ssl_config_file of a Secret's files."""

import stat
import subprocess

import pytest
from manifests import SERVING

from serving.client import Client, ServingError, Tls

SCRIPT = SERVING / "components" / "tls" / "ssl_config.sh"


def test_only_a_client_that_the_authority_certified_is_answered(build, rehearse, tls_files):
    server = rehearse(build("canary"), ssl_config_file=tls_files.ssl_config)
    with Client(server.address, tls=tls_files.client) as client:
        assert client.recommend("user-1", k=1)
    without_certificate = Tls(ca_file=tls_files.client.ca_file)
    with Client(server.address, timeout=2.0, tls=without_certificate) as client, pytest.raises(ServingError):
        client.recommend("user-1", k=1)


def test_the_file_with_the_key_is_for_its_owner_alone(tls_files):
    assert stat.S_IMODE(tls_files.ssl_config.stat().st_mode) == 0o600


@pytest.mark.parametrize("missing", ["tls.key", "tls.crt", "ca.crt"])
def test_a_missing_certificate_leaves_no_half_written_file(tls_files, tmp_path, missing):
    (tls_files.secret / missing).unlink()
    output = tmp_path / "none.config"
    made = subprocess.run(["bash", SCRIPT, tls_files.secret, output], capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert missing in made.stderr
    assert not output.exists()
