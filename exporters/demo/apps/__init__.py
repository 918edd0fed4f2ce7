"""The eight apps, and what stands beside them, by the name of their job."""

from vitals_demo.apps import (
    artisan_hub,
    dcgm,
    hierarchical_agents,
    litellm,
    marketing_agents,
    otel_genai,
    startup_studio,
    support_agent,
    vllm,
)
from vitals_demo.model import AppSpec

ALL: dict[str, AppSpec] = {app.name: app for app in (
    marketing_agents.APP, support_agent.APP, artisan_hub.APP, startup_studio.APP, hierarchical_agents.APP,
    otel_genai.APP, litellm.APP, vllm.APP,
)}

# No apps: pages of what a demo cannot have. Faults and logs are the apps' alone.
FAKES: dict[str, AppSpec] = {dcgm.APP.name: dcgm.APP}
