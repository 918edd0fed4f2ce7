# ruff: noqa: E501  (texts read best on one line)
"""Hosts."""

from vitals.alerts import Alert, over

_CAPACITY = ("What uses it? `top`, `du`, the container panels.", "Free some, or add capacity.")

ALERTS = [
    Alert(
        "HostCpuHigh", "warning", "15m", over("job_instance:host_cpu_ratio:current", "host_cpu_ratio"),
        unit="ratio", limit="host_cpu_ratio", dashboard="infrastructure", keep_firing_for="10m",
        summary="{{ $labels.instance }}: processors {value} busy",
        description="The processors of {{ $labels.instance }} are {value} busy; the limit is {limit}.",
        means="The host has little left for a surge.", do=_CAPACITY,
    ),
    Alert(
        "HostMemoryHigh", "warning", "15m", over("job_instance:host_memory_ratio:current", "host_memory_ratio"),
        unit="ratio", limit="host_memory_ratio", dashboard="infrastructure", keep_firing_for="10m",
        summary="{{ $labels.instance }}: memory {value} used",
        description="{value} of the memory of {{ $labels.instance }} is in use; the limit is {limit}.",
        means="The host has little memory left for a surge.", do=_CAPACITY,
    ),
    Alert(
        "HostMemoryExhausted", "critical", "5m",
        over("job_instance:host_memory_ratio:current", "host_memory_ratio_critical"),
        unit="ratio", limit="host_memory_ratio_critical", dashboard="infrastructure", keep_firing_for="5m",
        summary="{{ $labels.instance }}: memory {value} used",
        description="{value} of the memory of {{ $labels.instance }} is in use; the limit is {limit}. Processes will be killed.",
        means="The host is about to kill processes.", do=_CAPACITY,
    ),
    Alert(
        "HostOomKill", "warning", "0m", "job_instance:host_oom_kills:rate5m > 0",
        dashboard="infrastructure", keep_firing_for="15m",
        summary="{{ $labels.instance }} killed a process for want of memory",
        description="The kernel of {{ $labels.instance }} killed a process because memory ran out.",
        means="A process was killed without warning; it may have been the database.",
        do=("Which one? `dmesg | grep -i 'killed process'`.", "Give it a memory limit, or the host more memory."),
    ),
    Alert(
        "HostDiskHigh", "warning", "15m",
        over("job_instance_mountpoint:host_disk_ratio:current", "host_disk_ratio"),
        unit="ratio", limit="host_disk_ratio", dashboard="infrastructure",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} {value} full",
        description="{{ $labels.mountpoint }} of {{ $labels.instance }} is {value} full; the limit is {limit}.",
        means="The disk will be full some day soon.", do=_CAPACITY,
    ),
    Alert(
        "HostDiskFull", "critical", "5m",
        over("job_instance_mountpoint:host_disk_ratio:current", "host_disk_ratio_critical"),
        unit="ratio", limit="host_disk_ratio_critical", dashboard="infrastructure",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} {value} full",
        description="{{ $labels.mountpoint }} of {{ $labels.instance }} is {value} full; the limit is {limit}. Writes will fail.",
        means="Databases, logs and Prometheus itself stop when nothing can be written.", do=_CAPACITY,
    ),
    Alert(
        "HostDiskFillsSoon", "info", "1h",
        "predict_linear(job_instance_mountpoint:host_disk_free_bytes:current[6h], 4 * 86400) < 0\n"
        "and on (job, instance, mountpoint) job_instance_mountpoint:host_disk_ratio:current > 0.5",
        dashboard="infrastructure", keep_firing_for="1h",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} will be full within 4 days",
        description="As {{ $labels.mountpoint }} of {{ $labels.instance }} filled over the last 6 hours, it is full within 4 days.",
        means="Capacity has to be planned.", do=_CAPACITY,
    ),
    Alert(
        "HostInodesHigh", "warning", "15m",
        over("job_instance_mountpoint:host_inode_ratio:current", "host_inode_ratio"),
        unit="ratio", limit="host_inode_ratio", dashboard="infrastructure",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} has used {value} of its inodes",
        description="{{ $labels.mountpoint }} of {{ $labels.instance }} has used {value} of its inodes; the limit is {limit}. "
                    "Without one no file can be made, however much space is left.",
        means="Very many small files.", do=("Find the folder: `du --inodes -x / | sort -n | tail`.", "Delete or archive them."),
    ),
]
