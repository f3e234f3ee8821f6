"""How hypothesis is used: how fast an example is, on a busy machine too, is no property of ours."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pynat", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pynat")
