# SPDX-License-Identifier: Apache-2.0
"""What tests/subscribe/run works with: the examples of docs/SUBSCRIBE.md, a broker with the plugin over TLS, a gateway, and
devices that reach it over a radio that the test controls. The rig is that of tests/metrics."""
import json
import os
import pathlib
import re
import select
import socket
import sys
import threading
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "metrics"))
from rig import SOURCE, Failure, Rig, free_port, wait_for

PAGE = SOURCE / "docs/SUBSCRIBE.md"
ADDRESS = "5e1c1e0000000001"
PASSWORD = "SECRET"  # as the page has it


def examples():
    """The page's blocks by heading and language, each with a number: ("Python", "python", 0)."""
    found, heading, block = {}, None, None
    for line in PAGE.read_text().split("\n"):
        if line.startswith("```"):
            if block is None:
                block, language = [], line[3:]
            else:
                number = sum(key[:2] == (heading, language) for key in found)
                found[heading, language, number] = "\n".join(block) + "\n"
                block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("## "):
            heading = line[3:]
        elif re.match(r" +\$ ", line):
            found[heading, "$", sum(key[:2] == (heading, "$") for key in found)] = line.split("$ ", 1)[1]
    return found


class Radio(threading.Thread):
    """From a device's serial line to those of two gateways, frame by frame. `near` hears the device; while `far_alone` is
    true, only `far` does, and only of what is no REGISTER."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ends = [os.openpty() for _ in range(3)]
        for _, end in self.ends:
            tty.setraw(end)
        self.device, self.near, self.far = (os.ttyname(end) for _, end in self.ends)
        self.far_alone, self.far_frames, self.stopping = False, 0, False
        self.start()

    def run(self):
        device, near, far = (end for end, _ in self.ends)
        pending = b""
        while not self.stopping:
            ready, _, _ = select.select([device, near, far], [], [], 0.1)
            for end in ready:
                if end != device:
                    os.read(end, 4096)  # an ACK, which this device does not wait for
            if device in ready:
                *frames, pending = (pending + os.read(device, 4096)).split(b"\0")
                for frame in filter(None, frames):
                    at_far = self.far_alone and len(frame) < 300  # a SEALED frame, as each REGISTER is, has 522 bytes
                    os.write(far if at_far else near, b"\0" + frame + b"\0")
                    self.far_frames += at_far

    def close(self):
        self.stopping = True
        self.join()
        for ends in self.ends:
            for end in ends:
                os.close(end)


class Proxy(threading.Thread):
    """A network between a client and the broker. While `deaf` is true, it loses what the client sends; `cut` ends the
    connection."""

    def __init__(self, port, own_port=0):
        super().__init__(daemon=True)
        self.broker, self.pair = port, []
        self.deaf, self.cut, self.stopping = False, False, False
        self.listener = socket.create_server(("localhost", own_port))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while not self.stopping:
            ready, _, _ = select.select([self.listener, *self.pair], [], [], 0.1)
            if self.listener in ready:
                self.hang_up()
                self.pair = [self.listener.accept()[0], socket.create_connection(("localhost", self.broker))]
            elif self.cut:
                self.hang_up()
                self.cut = self.deaf = False
            else:
                self.forward(ready)

    def forward(self, ready):
        for at in ready:
            other = self.pair[at is self.pair[0]]
            try:
                data = at.recv(65536)
                if data and not (self.deaf and at is self.pair[0]):
                    other.sendall(data)
            except OSError:
                data = b""
            if not data:
                self.hang_up()
                return

    def hang_up(self):
        for end in self.pair:
            end.close()
        self.pair = []

    def close(self):
        self.stopping = True
        self.join()
        self.hang_up()
        self.listener.close()


class Stage(Rig):
    """A broker with the plugin, the gateway `roof`, and a device that it hears by a Radio."""

    def __init__(self, bin_folder):
        super().__init__(bin_folder)
        self.examples = examples()
        self.radio = Radio()
        self.make_cloud()
        self.start_broker()
        self.make_gateway_at("roof", self.radio.near, self.port)
        self.start_gateway("roof")
        self.start_sender()

    def make_gateway_at(self, name, line, port):
        self.make_gateway(name, 0)
        config = json.loads(self.path(name + ".json").read_text())
        config["broker"]["uri"] = f"mqtts://localhost:{port}"
        config["serial"] = [{"device": line}]
        self.path(name + ".json").write_text(json.dumps(config))

    def make_cloud(self):
        super().make_cloud()
        config = json.loads(self.path("plugin.json").read_text())
        config.update(json.loads("{" + self.examples["A user that reads", "json", 0] + "}"))
        config["replay_wait"] = 0  # most readers here read values alone, and would wait for it after each start
        config["readers"].append({"user": "neighbour", "topics": [f"selkie/device/{ADDRESS}/up"]})
        self.path("plugin.json").write_text(json.dumps(config))
        self.path("passwords").write_text(
            f"admin:admin\ndashboard:{PASSWORD}\nneighbour:neighbour\nnobody:nobody\n")
        self.run("mosquitto_passwd", "-U", "passwords")

    def start_sender(self, name="device", address=ADDRESS):
        self.start(name, [self.bin / "selkie-device", "--port", self.radio.device, "--public-key", "1.pub.pem", "--key-id", 1,
                          "--address", address, "--bit-rate", 0, "--readings", "--interval", 1, "--form", "session"])

    def close(self):
        super().close()
        self.radio.close()

    def example(self, heading, language, number=0, port=None):
        """A block of the page, with this broker's port and certificate in place of the page's."""
        text = self.examples[heading, language, number]
        return text.replace("8883", str(port or self.port)).replace("/etc/selkie/ca.pem", str(self.path("ca.pem")))

    def start_example(self, name, program, text, suffix="", **environment):
        """Run a block as a file."""
        self.path(name + suffix).write_text(text)
        self.start(name, [*program, name + suffix], HOME=str(self.folder), SELKIE_PASSWORD=PASSWORD, **environment)

    def log(self, name):
        log = self.path(name + ".log")
        return log.read_text(errors="replace") if log.exists() else ""

    def found(self, name, pattern, count=1):
        """Wait until a program's output has so many matches of a pattern; all of them."""
        def matches():
            all_found = re.findall(pattern, self.log(name))
            if self.processes[name].poll() not in (None, 0) and len(all_found) < count:
                raise Failure(f"{name} has ended")
            return all_found if len(all_found) >= count else None
        return wait_for(f"{count} times {pattern} from {name}", matches)

    def found_all(self, name, pattern):
        return re.findall(pattern, self.log(name))

    def state(self):
        return self.retained(f"selkie/device/{ADDRESS}/state")
