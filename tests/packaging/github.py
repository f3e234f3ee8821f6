"""What a runner of GitHub does with a job's steps, as far as a machine without GitHub can.

Commands are run, in order, with the files and variables that a runner gives them; an action of
this project is its own steps. What belongs to GitHub itself (checkout, cache, upload) is left to a
function of the test. Of expressions there are those that our files have: `inputs.x`,
`steps.x.outputs.y` and `vars.x`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
Step = dict[str, Any]
Values = dict[str, str]


@dataclass
class Runner:
    """github: does what an action of GitHub's does, and says what its outputs are."""

    workspace: Path
    temporary: Path
    environment: Mapping[str, str]
    github: Callable[[str, Values], Values]
    values: Values = field(default_factory=dict)  # of expressions
    said: list[str] = field(default_factory=list)

    def job(self, workflow: Path) -> None:
        """The only one of a workflow."""
        (job,) = yaml.safe_load(workflow.read_text())["jobs"].values()
        self._steps(job["steps"], self.values, self.workspace)

    def file(self, name: str) -> Path:
        """GITHUB_PATH and the like."""
        path = self.temporary / name
        path.touch()
        return path

    def _steps(self, steps: list[Step], values: Values, action: Path) -> None:
        for step in steps:
            given = {key: self._filled(text, values) for key, text in step.get("with", {}).items()}
            if "run" in step:
                outputs = self._run(step, values, action)
            elif step["uses"].startswith("./"):
                outputs = self._action(self.workspace / step["uses"], given)
            else:
                outputs = self.github(step["uses"], given)
            for key, value in outputs.items():
                values[f"steps.{step.get('id')}.outputs.{key}"] = value

    def _action(self, folder: Path, given: Values) -> Values:
        action = yaml.safe_load((folder / "action.yml").read_text())
        inputs = {name: about["default"] for name, about in action["inputs"].items()} | given
        self._steps(
            action["runs"]["steps"], {f"inputs.{key}": text for key, text in inputs.items()}, folder
        )
        return {}

    def _run(self, step: Step, values: Values, action: Path) -> Values:
        output = self.file("GITHUB_OUTPUT")
        output.write_text("")
        own = {key: self._filled(text, values) for key, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self._filled(step["run"], values)],
            cwd=self.workspace,
            env={**self._variables(action), **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.said.append(done.stdout)
        assert done.returncode == 0, f"{step}\n{done.stdout}"
        return dict(line.split("=", 1) for line in output.read_text().splitlines())

    def _variables(self, action: Path) -> Values:
        added = self.file("GITHUB_PATH").read_text().splitlines()
        files = ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        return {
            **self.environment,
            **{name: str(self.file(name)) for name in files},
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
            "PATH": os.pathsep.join([*reversed(added), self.environment["PATH"]]),
        }

    def _filled(self, text: str, values: Values) -> str:
        return _EXPRESSION.sub(lambda found: values[found[1]], text)
