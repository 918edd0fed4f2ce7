"""A fake of NVIDIA's dcgm-exporter, which needs a GPU: the two that the vLLM server would run on.

Names, types and labels are those of its default counters (etc/default-counters.csv, 4.x).
"""

from __future__ import annotations

from vitals_demo.metrics import gauge
from vitals_demo.model import AppSpec, Level

LABELS = "gpu UUID pci_bus_id device modelName Hostname"
MEMORY_MIB = 81_559
GPUS = tuple({"gpu": str(i), "UUID": f"GPU-{i:08d}-0000-4000-8000-000000000000",
              "pci_bus_id": f"00000000:{i + 4:02X}:00.0", "device": f"nvidia{i}", "modelName": "NVIDIA H100 80GB HBM3",
              "Hostname": "gpu-1"} for i in range(2))
USED_MIB = (72_300, 41_900)  # a model server takes its memory at the start

METRICS = (
    gauge("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", LABELS),
    gauge("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", LABELS),
    gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", LABELS),
    gauge("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", LABELS),
    gauge("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", LABELS),
    gauge("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", LABELS),
    gauge("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", LABELS),
)

APP = AppSpec(
    name="dcgm",
    about="A fake of NVIDIA's dcgm-exporter: no GPU is here.",
    metrics=METRICS,
    flows=(),
    levels=tuple(level for labels, used in zip(GPUS, USED_MIB, strict=True) for level in (
        Level("DCGM_FI_DEV_SM_CLOCK", 1755, labels=labels, noise=0.01, whole=True),
        Level("DCGM_FI_DEV_GPU_TEMP", 58, labels=labels, noise=0.08, whole=True),
        Level("DCGM_FI_DEV_POWER_USAGE", 460, labels=labels, noise=0.12, rhythm=True),
        Level("DCGM_FI_DEV_GPU_UTIL", 72, labels=labels, noise=0.15, rhythm=True, whole=True),
        Level("DCGM_FI_DEV_XID_ERRORS", 0, labels=labels),
        Level("DCGM_FI_DEV_FB_USED", used, labels=labels, noise=0, whole=True),
        Level("DCGM_FI_DEV_FB_FREE", MEMORY_MIB - used, labels=labels, noise=0, whole=True),
    )),
    depends_on=(),
)
