from __future__ import annotations

import asyncio
import socket

import pytest

from clew.app.security import Door
from clew.app.verb import _has_screen, _tell, hosts_of, listening, serve
from clew.errors import SettingError, StudyError
from tests.app.fakes import run_alone


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


def test_what_is_sent_goes_at_once():
    async def delay() -> int:
        accepted = asyncio.get_running_loop().create_future()
        with listening("127.0.0.1", 0) as listener:
            server = await asyncio.start_server(lambda _, out: accepted.set_result(out), sock=listener)
            _, out = await asyncio.open_connection(*listener.getsockname())
            own = (await accepted).get_extra_info("socket")
            held = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for one in (out, accepted.result(), server):
                one.close()
            return held

    assert run_alone(delay()) != 0


def test_hosts_are_our_own_names_with_the_port():
    assert hosts_of("127.0.0.1", 5) == {"127.0.0.1:5", "localhost:5", "[::1]:5"}
    assert "lab.example:5" in hosts_of("lab.example", 5)
    assert not any(one.startswith("0.0.0.0") for one in hosts_of("0.0.0.0", 5))


def test_the_address_that_is_printed_is_one_that_the_server_answers(capsys):
    for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "lab.example"):
        door = Door(hosts_of(host, 5), 5, "me")
        _tell(door, host, 5, open_browser=False)
        address = capsys.readouterr().out.split("http://")[1].split("/")[0]
        assert door.wrong_origin({"host": address}) == ""


def test_no_browser_is_opened_where_there_is_no_screen(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not _has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert _has_screen()
