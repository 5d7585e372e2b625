from __future__ import annotations

import os
import subprocess
import sys

import pytest

from clew.app.guarding import file_system, hold, refuse_network
from clew.errors import StudyError

OTHER = "import sys, pathlib; from clew.app.guarding import hold; h = hold(pathlib.Path(sys.argv[1]), 4711); print('held', flush=True); sys.stdin.read()"


def test_a_second_server_is_told_where_the_first_is_and_a_killed_one_leaves_no_lock(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match=rf"port 4711 \(process {other.pid}\)"):
            hold(tmp_path, 1)
    finally:
        other.kill()
        other.wait()
    with hold(tmp_path, 1):
        assert (tmp_path / ".serving").read_text() == f"1 {os.getpid()}\n"


def test_the_kind_of_file_system_is_that_of_the_deepest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/x {str(tmp_path).replace(' ', chr(92) + '040')} nfs4 rw 0 0\nserver:/y {tmp_path}-2 cifs rw 0 0\n"
    )
    assert file_system(tmp_path, str(mounts)) == "nfs4"
    assert file_system(tmp_path.parent, str(mounts)) == "ext4"
    assert file_system(tmp_path, str(tmp_path / "none")) == ""


def test_a_study_on_a_network_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("clew.app.guarding.file_system", lambda folder: "nfs4")
    with pytest.raises(StudyError, match="network file system"):
        refuse_network(tmp_path)
    monkeypatch.setattr("clew.app.guarding.file_system", lambda folder: "ext4")
    refuse_network(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StudyError, match="writable"):
        hold(tmp_path, 1)
