"""The manifest for Kubernetes says the same thing everywhere; no cluster has run it.

With the package kubernetes-validate, its Job is also compared with the schema of Kubernetes.
"""

from pathlib import Path

import pytest
import yaml

from jaxgan.config import Config
from jaxgan.system.command_line import parse

MANIFEST = Path(__file__).parent.parent.parent / "docs/guides/kubernetes.yaml"


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load(MANIFEST.read_text())


@pytest.fixture(scope="module")
def job(manifest):
    (replicated,) = manifest["spec"]["replicatedJobs"]
    return replicated["template"]["spec"]


def test_the_processes_find_one_another(manifest, job):
    (replicated,) = manifest["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["containers"]
    (variable, _), (port,) = container["env"], container["ports"]
    program, command, *options = container["command"]
    assert (program, command) == ("jaxgan", "train")
    numbers = [[option.replace(f"$({variable['name']})", str(i)) for option in options] for i in range(2)]
    configs = [parse(Config(), description="", args=args).check() for args in numbers]
    assert [config.process_id for config in configs] == [0, 1]
    assert {config.num_processes for config in configs} == {job["parallelism"]} == {job["completions"]}
    assert (job["completionMode"], replicated["replicas"]) == ("Indexed", 1)
    name = manifest["metadata"]["name"]
    host = (
        f"{name}-{replicated['name']}-0-0.{name}"  # of the first pod: JobSet's documents, "headless service"
    )
    assert configs[0].coordinator == f"{host}:{port['containerPort']}"
    assert manifest["spec"]["network"]["enableDNSHostnames"]
    completion = variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert completion == "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def test_a_pod_that_ends_is_started_again_as_all_others_are(manifest, job):
    pod = job["template"]["spec"]
    assert (pod["restartPolicy"], job["backoffLimit"]) == ("Never", 0)  # the JobSet starts all of them
    assert manifest["spec"]["failurePolicy"]["maxRestarts"] > 0
    assert pod["terminationGracePeriodSeconds"] > 60  # a run saves in that time
    (volume,), (mount,) = pod["volumes"], pod["containers"][0]["volumeMounts"]
    assert volume["name"] == mount["name"]
    assert f"--workdir={mount['mountPath']}/mnist" in pod["containers"][0]["command"]


def test_the_job_fits_the_schema(job):
    validator = pytest.importorskip("kubernetes_validate")
    whole = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "hosts"}, "spec": job}
    validator.validate(whole, "1.31", strict=True)
