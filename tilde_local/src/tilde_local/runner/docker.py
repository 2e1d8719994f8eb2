"""The runner that knows images: Docker's engine has them, and the isolation is that of the namespaces runner.

Containers of the engine itself would not do: the server could not listen on their loopback, and what was changed in
them would have to be found by comparing everything.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tilde_local.runner.base import ContainerSpec
from tilde_local.runner.images import Images, engine_version
from tilde_local.runner.namespaces import NamespacesContainer, NamespacesRunner
from tilde_local.runner.view import View, image_view

__all__ = ["DockerRunner"]


class DockerRunner:
    """Runs each container in Linux namespaces of its own, with the files of a Docker image for programs.

    `scratch` is as with the namespaces runner, whose requirements this one has too. Images are unpacked below `images`,
    a directory that is this runner's alone, and stay there. Raises RunnerError if there is no engine to reach.
    """

    name = "docker"

    def __init__(self, scratch: Path, images: Path) -> None:
        self.isolation = (
            f"Linux namespaces, with the files of images of Docker {engine_version()}: own files, processes, user, and "
            "a network of loopback alone; the image is there to read, and the kernel is shared"
        )
        self._images = Images(images)
        self._runner = NamespacesRunner(scratch, view_of=self._view_of)

    def _view_of(self, spec: ContainerSpec) -> View:
        image = self._images.get(spec.image)
        view = image_view(image.root, image.environment)
        # What the image has at the mountpoint itself is hidden by it.
        mountpoint = str(PurePosixPath(spec.mountpoint))
        return view._replace(binds=[(source, target) for source, target in view.binds if target != mountpoint])

    def start(self, spec: ContainerSpec) -> NamespacesContainer:
        """A container without any command in it; the image is pulled first if need be. Raises RunnerError."""
        return self._runner.start(spec)

    def close(self) -> None:
        """Kill what still runs. Unpacked images stay for the next time."""
        self._runner.close()
