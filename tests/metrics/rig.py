# SPDX-License-Identifier: Apache-2.0
"""What tests/metrics/run and tests/subscribe work with: a broker with the plugin over TLS, a gateway with devices on cables, exporters, and a
Prometheus. All in one folder, on ports of the system's choice; Rig.close ends and removes everything."""
import getpass
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
METRICS = SOURCE / "packaging/metrics"
LIMIT_S = 60


class Failure(Exception):
    pass


def wait_for(what, condition, seconds=LIMIT_S):
    """Until the condition is true; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failure(f"{what}: not within {seconds} s")


def free_port():
    """Below those that the system gives to connections, so that none of them takes it before its server does."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as at:
            try:
                at.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Rig:
    def __init__(self, bin_folder):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="selkie-metrics-"))
        self.processes = {}
        self.port, self.certificates_port = free_port(), free_port()
        self.ports = {}

    def close(self):
        for name in list(self.processes):
            self.stop(name)
        if os.environ.get("SELKIE_TEST_KEEP"):
            print(f"the folder stays: {self.folder}")
        else:
            shutil.rmtree(self.folder)

    def path(self, name):
        return self.folder / name

    def logs(self):
        return "".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.folder.glob("*.log"))

    def start(self, name, arguments, **environment):
        log = open(self.path(name + ".log"), "ab")
        self.processes[name] = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log, cwd=self.folder,
                                                env={**os.environ, **environment})

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(30)

    def run(self, *arguments):
        ran = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, cwd=self.folder, timeout=60)
        if ran.returncode != 0:
            raise Failure(f"{arguments}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def write_secret(self, name, text):
        self.path(name).touch(mode=0o600)
        self.path(name).write_text(text)

    # The broker. Each of the users `metrics`, `devices` and `values` may read what its exporters need.

    def make_cloud(self):
        self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "20", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "ca.pem")
        self.run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=devices", "-keyout", "devices.key", "-out",
                 "devices.csr")
        self.run("openssl", "x509", "-req", "-in", "devices.csr", "-CA", "ca.pem", "-CAkey", "server.key", "-CAcreateserial",
                 "-days", "20", "-out", "devices.pem")
        self.run(self.bin / "selkiectl", "keygen", "--id", 1, "--out", ".")
        self.path("state").mkdir(mode=0o700)
        self.run(self.bin / "selkiectl", "registry", "create", "state")
        self.path("passwords").write_text("admin:admin\nmetrics:metrics\nvalues:values\n")
        self.run("mosquitto_passwd", "-U", "passwords")
        topics = ["selkie/stats", "selkie/gateway/+/stats", "selkie/gateway/+/state"]
        self.path("plugin.json").write_text(json.dumps({
            "state_dir": str(self.path("state")), "keys": [{"id": 1, "file": str(self.path("1.key.pem"))}],
            "admins": ["admin"], "silent_after": 180, "models_dir": str(SOURCE / "models/ready"),
            "readers": [{"user": "metrics", "topics": topics},
                        {"user": "devices", "topics": ["selkie/device/+/state"]},
                        {"user": "values", "topics": ["selkie/device/+/values"]}]}))
        self.path("mosquitto.conf").write_text(f"""
user {getpass.getuser()}
allow_anonymous false
password_file {self.path("passwords")}
persistence true
persistence_location {self.folder}/
plugin {self.bin}/mosquitto_selkie.so
plugin_opt_config_file {self.path("plugin.json")}
listener {self.port} localhost
cafile {self.path("ca.pem")}
certfile {self.path("ca.pem")}
keyfile {self.path("server.key")}
listener {self.certificates_port} localhost
cafile {self.path("ca.pem")}
certfile {self.path("ca.pem")}
keyfile {self.path("server.key")}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
""")
        self.write_secret("admin.password", "admin\n")

    def start_broker(self):
        self.start("mosquitto", [shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"), "-c", "mosquitto.conf"])
        wait_for("the broker", self.listens)

    def listens(self):
        if self.processes["mosquitto"].poll() is not None:
            raise Failure("the broker has ended")
        with socket.socket() as at:
            return at.connect_ex(("127.0.0.1", self.port)) == 0

    def ctl(self, *arguments):
        return self.run(self.bin / "selkiectl", *arguments, "--broker", f"mqtts://localhost:{self.port}", "--ca", "ca.pem",
                        "--username", "admin", "--password-file", "admin.password")

    def publish(self, user, password, topic, payload, *more):
        self.run("mosquitto_pub", "-h", "localhost", "-p", self.port, "--cafile", "ca.pem", "-u", user, "-P", password,
                 "-i", f"selkie-gateway-{user}", "-q", "1", "-t", topic, *more, "-m", payload)

    def retained(self, topic):
        return json.loads(self.run("mosquitto_sub", "-h", "localhost", "-p", self.port, "--cafile", "ca.pem", "-u", "admin",
                                   "-P", "admin", "-t", topic, "-C", 1, "-W", 20))

    # A gateway, and devices on cables to it.

    def add_gateway(self, name):
        return json.loads(self.ctl("gateway", "add", name, "--json"))["password"]

    def make_gateway(self, name, devices):
        self.write_secret(name + ".password", self.add_gateway(name) + "\n")
        for i in range(devices):
            self.start(f"cable-{i}", ["socat", f"pty,rawer,link={self.path(f'device-{i}')}",
                                      f"pty,rawer,link={self.path(f'line-{i}')}"])
            wait_for("a cable", lambda i=i: self.path(f"device-{i}").exists() and self.path(f"line-{i}").exists())
        self.path(name + ".json").write_text(json.dumps({
            "gateway": name, "stats_s": 10,
            "broker": {"uri": f"mqtts://localhost:{self.port}", "username": name, "ca": str(self.path("ca.pem")),
                       "password_file": str(self.path(name + ".password"))},
            "serial": [{"device": str(self.path(f"line-{i}"))} for i in range(devices)],
            "spool": {"path": str(self.path(name + ".db"))}}))

    def start_gateway(self, name):
        self.start("gateway-" + name, [self.bin / "selkie-gateway", "--config", name + ".json"])

    def start_device(self, i):
        self.start(f"device-{i}", [self.bin / "selkie-device", "--port", f"device-{i}", "--public-key", "1.pub.pem",
                                   "--key-id", 1, "--address", f"5e1c1e000000000{i}", "--bit-rate", 0, "--readings",
                                   "--interval", 1, "--form", "session"])

    # Exporters and Prometheus.

    def start_exporter(self, kind):
        """`devices` shows a certificate, the others a password."""
        port = self.ports.setdefault(kind, free_port())
        folder = self.path("run-" + kind)
        folder.mkdir(exist_ok=True)
        environment = {"SELKIE_CA": str(self.path("ca.pem")), "SELKIE_PORT": str(port), "RUNTIME_DIRECTORY": str(folder),
                       "SELKIE_VALUES": "load1 memory_free uptime"}
        if kind == "devices":
            environment.update(SELKIE_BROKER=f"ssl://localhost:{self.certificates_port}",
                               SELKIE_CERT=str(self.path("devices.pem")), SELKIE_KEY=str(self.path("devices.key")))
        else:
            user = "values" if kind == "values" else "metrics"
            environment.update(SELKIE_BROKER=f"ssl://localhost:{self.port}", MQTT2PROM_MQTT_USER=user,
                               MQTT2PROM_MQTT_PASSWORD=user)
        self.start("exporter-" + kind, [METRICS / "selkie-exporter", kind], **environment)

    def exported(self, kind):
        """The lines of an exporter's /metrics, or "" while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[kind]}/metrics", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def start_prometheus(self, config):
        self.ports["prometheus"] = free_port()
        self.path("prometheus.yml").write_text(config)
        self.start("prometheus", ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                  f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}"])
        wait_for("Prometheus", lambda: self.ask("status/buildinfo"))

    def ask(self, what, **parameters):
        url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503: # it is still reading its database
                return None
            raise Failure(f"{parameters}: {error.read().decode()}") from error
        except OSError:
            return None

    def query(self, expression):
        """The samples of an instant query: [(labels, value)]."""
        data = self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def value(self, expression):
        """The value of the one sample that there is, or None."""
        samples = self.query(expression)
        return samples[0][1] if len(samples) == 1 else None
