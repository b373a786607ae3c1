from __future__ import annotations

from prober.telemetry.resource import resource_of


def test_the_environment_names_the_service_but_not_the_instance() -> None:
    found = resource_of(
        "eu-west-1",
        "2",
        "1.2.3",
        {
            "OTEL_RESOURCE_ATTRIBUTES": "team=shop%20front,service.instance.id=x, a.b=y,,z",
            "OTEL_SERVICE_NAME": "probes",
        },
    )
    assert found == {
        "service.name": "probes",
        "service.namespace": "prober",
        "service.version": "1.2.3",
        "service.instance.id": "eu-west-1/2",
        "team": "shop front",
        "a.b": "y",
    }


def test_the_instance_is_the_same_after_every_restart() -> None:
    first, second = (resource_of("eu-west-1", "0", "1.2.3", {}) for _ in range(2))
    assert first == second
    assert first["service.instance.id"] == "eu-west-1/0"
