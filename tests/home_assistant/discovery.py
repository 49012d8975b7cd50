# SPDX-License-Identifier: Apache-2.0
"""Home Assistant's part in a test: reads messages of MQTT discovery, and what is published on their topics, and says
what Home Assistant would refuse.

    check = Discovery(); check.message(topic, payload) …; check.faults

The words and their order of precedence are those of Home Assistant's documentation; none of its code is here. See
README.md."""
import datetime
import json
import os
import re

import jinja2
import jinja2.sandbox
import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = re.compile(r"^(?P<prefix>.+)/device/(?P<object_id>[a-zA-Z0-9_-]+)/config$")
SHARED = ("availability", "availability_mode", "availability_template", "availability_topic", "command_topic",
          "encoding", "payload_available", "payload_not_available", "qos", "state_topic")
STATE_MAX = 255  # characters of a state
NO_UPDATE = object()  # a template that stopped at `is_defined`: the state stays as it is


class NotDefined(Exception):
    pass


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return json.load(file)


def is_defined(value):
    if isinstance(value, jinja2.Undefined):
        raise NotDefined
    return value


def as_datetime(value):
    return datetime.datetime.fromtimestamp(float(value), datetime.timezone.utc)


def make_environment():
    """Home Assistant logs a warning for what is not defined; here it is a fault."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.filters["is_defined"] = is_defined
    environment.filters["as_datetime"] = as_datetime
    return environment


def same_unit(one, other):
    fold = lambda unit: unit.replace("\u03bc", "\u00b5") if unit else None
    return fold(one) == fold(other)


class Discovery:
    def __init__(self):
        self.schema = load("schema.json")
        self.classes = load("classes.json")
        self.environment = make_environment()
        self.faults = []
        self.configs = {}  # by topic: {component id: the component with what the root shares}
        self.devices = {}  # by topic: `device`
        self.payloads = {}  # by topic: the last payload of any other message
        self.rendered = {}  # by unique id: the state that Home Assistant would show

    def fault(self, where, text):
        self.faults.append(f"{where}: {text}")

    def message(self, topic, payload):
        match = CONFIG.match(topic)
        if not match:
            self.payloads[topic] = payload
        elif payload == "":
            self.configs.pop(topic, None)
            self.devices.pop(topic, None)
        else:
            self.config(topic, payload)

    # ---- one message ----

    def validate(self, where, value, schema):
        validator = jsonschema.Draft7Validator({**schema, "definitions": self.schema["definitions"]})
        faults = sorted(validator.iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path])
        for error in faults:
            path = "/".join(str(step) for step in error.absolute_path)
            self.fault(f"{where}{'/' if path else ''}{path}", error.message)
        return not faults

    def config(self, topic, payload):
        try:
            root = json.loads(payload)
        except ValueError as error:
            self.fault(topic, f"is not JSON: {error}")
            return
        if not self.validate(topic, root, self.schema):
            return
        components = {}
        for name, component in root["components"].items():
            if list(component) == ["platform"]:  # this one is removed
                continue
            merged = {**{key: root[key] for key in SHARED if key in root}, **component}
            # What a platform has no use for is no mistake where the root shares it.
            allowed = self.schema["definitions"][component["platform"]]["properties"]
            merged = {key: value for key, value in merged.items() if key in allowed or key in component}
            where = f"{topic}#{name}"
            if self.validate(where, merged, self.schema["definitions"][component["platform"]]):
                self.component(where, merged)
                components[name] = merged
        self.configs[topic] = components
        self.devices[topic] = root["device"]

    def component(self, where, component):
        if "availability" in component and "availability_topic" in component:
            self.fault(where, "availability and availability_topic exclude each other")
        if component["platform"] == "sensor":
            self.sensor(where, component)
        elif component.get("device_class") is not None:
            classes = self.classes[component["platform"]]
            if component["device_class"] not in classes:
                self.fault(where, f"device_class {component['device_class']} is none of {component['platform']}")
        for template in self.templates(component):
            try:
                self.environment.parse(template)
            except jinja2.TemplateError as error:
                self.fault(where, f"template {template!r}: {error}")

    def sensor(self, where, component):
        device_class, state_class = component.get("device_class"), component.get("state_class")
        unit, options = component.get("unit_of_measurement"), component.get("options")
        known = self.classes["sensor"].get(device_class)
        if device_class is not None and known is None:
            self.fault(where, f"device_class {device_class} is none of sensor")
        if state_class is not None and state_class not in self.classes["state_classes"]:
            self.fault(where, f"state_class {state_class} is none")
        elif state_class is not None and known and state_class not in known["state_classes"]:
            self.fault(where, f"state_class {state_class} does not fit {device_class}")
        if known and not self.unit_fits(known["units"], unit):
            self.fault(where, f"unit_of_measurement {unit} does not fit {device_class}")
        if options is not None and device_class != "enum":
            self.fault(where, "options need device_class enum")
        if options is not None and (state_class or unit):
            self.fault(where, "options exclude state_class and unit_of_measurement")
        if device_class == "enum" and options is None:
            self.fault(where, "an enum without options")
        if "last_reset_value_template" in component and state_class != "total":
            self.fault(where, "last_reset_value_template needs state_class total")

    @staticmethod
    def unit_fits(units, unit):
        if units == "currency":
            return bool(unit and re.fullmatch("[A-Z]{3}", unit))
        return any(same_unit(each, unit) for each in units)

    @staticmethod
    def templates(component):
        for key, value in component.items():
            if key.endswith("_template"):
                yield value
        for entry in component.get("availability", []):
            if "value_template" in entry:
                yield entry["value_template"]

    # ---- all messages together ----

    def check_unique_ids(self):
        """Of all devices: two entities of one platform with the same unique id are one too many."""
        seen = {}
        for topic, components in self.configs.items():
            for name, component in components.items():
                key = (component["platform"], component["unique_id"])
                if key in seen:
                    self.fault(f"{topic}#{name}", f"unique_id {component['unique_id']} is also of {seen[key]}")
                seen[key] = f"{topic}#{name}"
        seen = {}
        for topic, device in self.devices.items():
            identifiers = device.get("identifiers", [])
            for identifier in [identifiers] if isinstance(identifiers, str) else identifiers:
                if identifier in seen:
                    self.fault(topic, f"identifier {identifier} is also of {seen[identifier]}")
                seen[identifier] = topic

    def render(self, where, template, payload):
        try:
            document = json.loads(payload)
            values = {"value": payload, "value_json": document}
        except ValueError:
            values = {"value": payload}
        try:
            return self.environment.from_string(template).render(values)
        except NotDefined:
            return NO_UPDATE
        except jinja2.TemplateError as error:
            self.fault(where, f"template {template!r} with {payload!r}: {error}")
            return NO_UPDATE

    def check_values(self):
        """Render each template with what was published on its topic, and judge the outcome as the platform does."""
        for topic, components in self.configs.items():
            for name, component in components.items():
                where = f"{topic}#{name}"
                payload = self.payloads.get(component.get("state_topic"))
                if payload:
                    state = self.render(where, component.get("value_template", "{{ value }}"), payload)
                    if state is not NO_UPDATE and state != "None":
                        self.state(where, component, state)
                        self.rendered[component["unique_id"]] = state
                for entry in component.get("availability", []):
                    self.available(where, entry)

    def state(self, where, component, state):
        if component["platform"] == "binary_sensor":
            allowed = (component.get("payload_on", "ON"), component.get("payload_off", "OFF"), "")
            if state.strip() not in allowed:
                self.fault(where, f"state {state!r} is none of {allowed}")
            return
        device_class = component.get("device_class")
        numeric = component.get("unit_of_measurement") is not None or component.get("state_class") is not None or (
            device_class is not None and device_class not in self.classes["not_numeric"])
        if numeric and state != "":
            try:
                float(state)
            except ValueError:
                self.fault(where, f"state {state!r} is no number")
        elif device_class == "enum" and state not in component.get("options", [state]):
            self.fault(where, f"state {state!r} is none of the options {component['options']}")
        elif device_class == "timestamp":
            try:
                if datetime.datetime.fromisoformat(state).tzinfo is None:
                    self.fault(where, f"state {state!r} has no zone")
            except ValueError:
                self.fault(where, f"state {state!r} is no time")
        elif not numeric and len(state) > STATE_MAX:
            self.fault(where, f"state of {len(state)} characters; {STATE_MAX} is the most")

    def available(self, where, entry):
        payload = self.payloads.get(entry["topic"])
        if not payload:
            return
        state = self.render(where, entry.get("value_template", "{{ value }}"), payload)
        allowed = (entry.get("payload_available", "online"), entry.get("payload_not_available", "offline"))
        if state is not NO_UPDATE and state not in allowed:
            self.fault(where, f"availability {state!r} is none of {allowed}")

    def is_available(self, component):
        """Whether Home Assistant shows the entity as available."""
        states = []
        for entry in component.get("availability", []):
            payload = self.payloads.get(entry["topic"])
            states.append(bool(payload) and self.render("availability", entry.get("value_template", "{{ value }}"),
                                                        payload) == entry.get("payload_available", "online"))
        return not states or (all(states) if component.get("availability_mode") == "all" else states[-1])
