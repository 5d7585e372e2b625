from __future__ import annotations

import socket

import pytest

from clew.app.verb import hosts_of, listening, serve
from clew.errors import SettingError, StudyError


def test_another_host_needs_a_word_and_the_tunnel_is_named():
    with pytest.raises(SettingError, match=r"--expose(.|\n)*ssh -L 8737:localhost:8737"):
        serve(host="0.0.0.0")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(SettingError, match="0 to 65535"):
        serve(port=port)


def test_a_host_that_is_not_of_this_machine_is_refused():
    with pytest.raises(SettingError, match=r"203\.0\.113\.7"):
        serve(host="203.0.113.7", expose=True)


def test_a_folder_that_is_no_study_is_refused(tmp_path):
    with pytest.raises(StudyError, match="clew new"):
        serve(tmp_path)


def test_a_port_that_is_taken_gives_another_one_on_loopback():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with listening("127.0.0.1", port) as listener:
            host, got = listener.getsockname()
    assert host == "127.0.0.1" and got != port


def test_hosts_are_our_own_names_with_the_port():
    assert hosts_of("127.0.0.1", 5) == {"127.0.0.1:5", "localhost:5", "[::1]:5"}
    assert "lab.example:5" in hosts_of("lab.example", 5)
    assert not any(one.startswith("0.0.0.0") for one in hosts_of("0.0.0.0", 5))
