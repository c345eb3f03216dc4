"""What people script with Python's docker package, done against a node's socket. Prints "fine" in the end."""

import sys
import time

import docker
from docker.types import ConfigReference, EndpointSpec, SecretReference, ServiceMode, UpdateConfig


def until(what, look, seconds=30):
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


client = docker.DockerClient(base_url=sys.argv[1], version="auto")
assert client.ping()
assert client.info()["Swarm"]["LocalNodeState"] == "active"
assert client.version()["Components"][0]["Name"] == "Shoal"
nodes = client.nodes.list()
assert len(nodes) == 3, nodes
assert {node.attrs["Status"]["State"] for node in nodes} == {"ready"}
client.swarm.reload()
assert client.swarm.attrs["JoinTokens"]["Worker"].startswith("SHOAL-1-")

secret = client.secrets.create(name="py_secret", data=b"python", labels={"by": "python"})
config = client.configs.create(name="py_config", data=b"setting = 1\n")
assert [one.name for one in client.secrets.list(filters={"label": "by=python"})] == ["py_secret"]
assert "Data" not in client.secrets.get(secret.id).attrs["Spec"]

service = client.services.create(
    "scratch",
    command=["sh", "-c", "echo begun $RELEASE; exec sleep 100000"],
    name="py",
    env=["RELEASE=1"],
    mode=ServiceMode("replicated", replicas=3),
    secrets=[SecretReference(secret.id, "py_secret")],
    configs=[ConfigReference(config.id, "py_config", filename="/etc/py.conf")],
    update_config=UpdateConfig(parallelism=0, delay=0),
    endpoint_spec=EndpointSpec(mode="vip"),
    labels={"by": "python"},
)
running = lambda: [
    task
    for task in service.tasks(filters={"desired-state": "running"})
    if task["Status"]["State"] == "running"
]
until("three tasks", lambda: len(running()) == 3)
lines = until("what they log", lambda: b"".join(service.logs(stdout=True)).count(b"begun 1") == 3)

service.reload()
assert service.update(env=["RELEASE=2"])
until("the update", lambda: service.reload() or (service.attrs.get("UpdateStatus") or {}).get("State") == "completed", 60)
assert service.scale(5)
until("five tasks", lambda: len(running()) == 5)
service.reload()
assert service.force_update()

try:
    client.secrets.get(secret.id).remove()
    raise AssertionError("a secret in use was removed")
except docker.errors.APIError as error:
    assert error.status_code == 400, error
try:
    client.services.get("nothing")
    raise AssertionError("nothing was found")
except docker.errors.NotFound:
    pass

node = nodes[1]
spec = dict(node.attrs["Spec"], Availability="drain")
assert node.update(spec)
until("a drained node", lambda: not [task for task in running() if task["NodeID"] == node.id], 60)
node.reload()
assert node.update(dict(node.attrs["Spec"], Availability="active"))

assert service.remove()
until("no service", lambda: not client.services.list(filters={"name": "py"}))
client.secrets.get("py_secret").remove()
client.configs.get("py_config").remove()
print("fine")
