"""Data that goes with its container is told by its file system."""

from pathlib import Path

import pytest

from jobs.health.volume import lost_with_container

OVERLAY = "1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a\n2 1 0:51 / /proc rw - proc proc rw\n"
DISK = "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 0:40 / /tmp rw - tmpfs tmpfs rw\n"
VOLUME = OVERLAY + "3 1 8:2 / /app/.signalbox rw,relatime - ext4 /dev/sdb rw\n"
SPACED = OVERLAY + "3 1 8:2 / /my\\040app rw,relatime shared:1 master:2 - xfs /dev/sdb rw\n"
SCRATCH = OVERLAY + "3 1 0:60 / /app rw - tmpfs tmpfs rw\n"


@pytest.mark.parametrize(
    ("mounts", "folder", "kind"),
    [
        (OVERLAY, "/app/.signalbox", "overlay"),
        (SCRATCH, "/app/.signalbox", "tmpfs"),
        (VOLUME, "/app/.signalbox", ""),
        (VOLUME, "/app/.signalbox/deeper", ""),
        (VOLUME, "/app/.signalbox2", "overlay"),
        (SPACED, "/my app/.signalbox", ""),
        (DISK, "/home/ada/.signalbox", ""),
        (DISK, "/tmp/.signalbox", ""),  # no container: a machine of one's own
        ("nonsense\n", "/app", ""),
        ("", "/app", ""),
    ],
)
def test_a_folder_is_lost_with_its_container_unless_it_lies_on_a_volume(mounts: str, folder: str, kind: str) -> None:
    assert lost_with_container(mounts, Path(folder)) == kind
