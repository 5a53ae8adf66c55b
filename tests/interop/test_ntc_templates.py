"""What ntc-templates (the parsers behind many automation tools) make of what the box prints. It needs that package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fortish

ntc = pytest.importorskip("ntc_templates.parse", reason="ntc-templates is not installed")

SITE = """
config system interface
    edit port2
        set ip 10.1.2.3/24
    next
    edit lan10
        set vdom root
        set interface port1
        set vlanid 10
    next
end
config router static
    edit 1
        set gateway 172.18.60.1
        set device port1
    next
    edit 2
        set dst 10.9.0.0/16
        set gateway 10.1.2.1
        set device port2
    next
    edit 3
        set dst 10.9.0.0/16
        set gateway 172.18.60.2
        set device port1
    next
end
"""


@pytest.fixture(scope="module", params=["fortiproxy-guide", "fortigate-7.4", "fortigate-7.6"])
def session(request: pytest.FixtureRequest) -> Iterator[Any]:
    with fortish.Appliance(network="lab", firmware=request.param) as box:
        opened = box.session()
        assert not opened.play(SITE).failed
        yield opened


def parsed(session: Any, command: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ntc.parse_output(platform="fortinet", command=command, data=session.run(command))
    return rows


def test_the_status(session: Any) -> None:
    (row,) = parsed(session, "get system status")
    gate = row["version"].startswith("FortiGate")
    assert row["virtual_domain_configuration"] == "disable" and row["current_ha_mode"] == "standalone"
    assert bool(row["virus_db"]) == bool(row["vm_resources"]) == bool(row["last_reboot_reason"]) == gate


def test_the_cluster(session: Any) -> None:
    (row,) = parsed(session, "get system ha status")
    assert (row["ha_health"], row["ha_mode"]) == (["OK"], "Standalone")


def test_interfaces(session: Any) -> None:
    rows = {row["name"]: row for row in parsed(session, "get system interface")}
    assert rows["port2"]["ip_address"] == "10.1.2.3" and rows["lan10"]["type"] == "vlan"
    assert {row["name"] for row in parsed(session, "get system interface physical")} == rows.keys() - {"lan10"}
    assert {row["nic"] for row in parsed(session, "get hardware nic")} == rows.keys() - {"lan10"}


def test_routes(session: Any) -> None:
    rows = parsed(session, "get router info routing-table all")
    found = [(row["type"].strip(), row["destination"], row["gateway"], row["interface"]) for row in rows]
    assert found == [
        ("S*", "0.0.0.0/0", "172.18.60.1", "port1"),
        ("C", "10.1.2.0/24", "is directly connected", "port2"),
        ("S", "10.9.0.0/16", "10.1.2.1", "port2"),
        ("S", "10.9.0.0/16", "172.18.60.2", "port1"),
        ("C", "172.18.60.0/24", "is directly connected", "port1"),
    ]


def test_neighbours(session: Any) -> None:
    assert parsed(session, "get system arp") == []


def test_processes(session: Any) -> None:
    (row,) = parsed(session, "diagnose sys top")
    assert row["process_name"] == "newcli" and row["process_state"] == "R"


def test_date_and_time(session: Any) -> None:
    assert parsed(session, "execute date")[0]["year"].startswith("20")
    assert parsed(session, "execute time")[0]["last_ntp_sync"] == "never"


def test_ping_and_traceroute(session: Any) -> None:
    (row,) = parsed(session, "execute ping testrfc7030.com")
    assert (row["transmitted"], row["packet_loss"]) == ("5", "0")
    assert [row["hop_num"] for row in parsed(session, "execute traceroute testrfc7030.com")] == ["1", "2"]


def test_the_log(session: Any) -> None:
    session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
    est = "execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:8443 CN=web"
    session.run(f'{est} "" estuser estpwd')
    (row,) = parsed(session, "execute log display")
    assert row["logs_found"] == "1" and "Certificate updated" in row["message"]
