#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A right message passes, and each wrong one fails with words about what is wrong."""
import copy
import json
import sys
import unittest

try:
    from discovery import Discovery
except ImportError as error:
    print(f"skipped: {error}; scripts/setup --ci installs python3-jsonschema and python3-jinja2")
    sys.exit(77)

TOPIC = "homeassistant/device/selkie_0102030405060708/config"
STATE, VALUES = "selkie/device/0102030405060708/state", "selkie/device/0102030405060708/values"
RIGHT = {
    "device": {"identifiers": ["selkie_0102030405060708"], "name": "Boathouse", "model": "acme-th1"},
    "origin": {"name": "Selkie", "sw_version": "0.1.0", "support_url": "https://example.org/selkie"},
    "availability": [{"topic": STATE, "value_template": "{{ 'offline' if value_json.silent is defined else 'online' }}"}],
    "availability_mode": "all",
    "state_topic": VALUES,
    "components": {
        "temperature": {"platform": "sensor", "unique_id": "selkie_1_temperature", "device_class": "temperature",
                        "unit_of_measurement": "°C", "state_class": "measurement",
                        "value_template": "{{ value_json.temperature | is_defined }}"},
        "mode": {"platform": "sensor", "unique_id": "selkie_1_mode", "device_class": "enum", "options": ["eco", "on"],
                 "value_template": "{{ value_json.mode | is_defined }}"},
        "note": {"platform": "sensor", "unique_id": "selkie_1_note",
                 "value_template": "{{ value_json.note | is_defined }}"},
        "door": {"platform": "binary_sensor", "unique_id": "selkie_1_door", "device_class": "door",
                 "value_template": "{% if value_json.door is defined %}{{ 'ON' if value_json.door else 'OFF' }}{% endif %}"},
        "seen": {"platform": "sensor", "unique_id": "selkie_1_seen", "device_class": "timestamp",
                 "entity_category": "diagnostic", "state_topic": STATE,
                 "value_template": "{{ (value_json.last_seen / 1000) | as_datetime }}"},
        "approve": {"platform": "button", "unique_id": "selkie_1_approve", "command_topic": "$CONTROL/selkie/v1",
                    "payload_press": "{}", "qos": 1, "entity_category": "config"},
    },
}
RIGHT_STATE = '{"last_seen":1764525600123,"status":"active"}'
RIGHT_VALUES = '{"temperature":21.43,"mode":"eco","note":"x","door":true}'


def judge(message, values=RIGHT_VALUES, state=RIGHT_STATE, topic=TOPIC):
    discovery = Discovery()
    discovery.message(topic, json.dumps(message) if isinstance(message, dict) else message)
    discovery.message(STATE, state)
    discovery.message(VALUES, values)
    discovery.check_unique_ids()
    discovery.check_values()
    return discovery


def changed(path, value):
    """RIGHT with another value at a path; None takes it out."""
    message = copy.deepcopy(RIGHT)
    at = message
    *steps, last = path.split("/")
    for step in steps:
        at = at[int(step) if isinstance(at, list) else step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return message


class Wrong(unittest.TestCase):
    def fails(self, words, message, **published):
        faults = judge(message, **published).faults
        self.assertEqual([fault for fault in faults if words in fault][:1], faults[:1], f"wanted: {words}")
        self.assertTrue(faults, f"passes, but: {words}")

    def test_right(self):
        discovery = judge(RIGHT)
        self.assertEqual(discovery.faults, [])
        self.assertEqual(discovery.rendered["selkie_1_temperature"], "21.43")
        self.assertEqual(discovery.rendered["selkie_1_door"], "ON")
        self.assertTrue(discovery.rendered["selkie_1_seen"].startswith("2025-11-30T18:00:00.123".replace("T", " ")))
        self.assertEqual(len(discovery.configs[TOPIC]), 6)

    def test_root(self):
        self.fails("is not JSON", "{")
        for key in "device", "origin", "components":
            self.fails(f"'{key}' is a required property", changed(key, None))
        self.fails("'run' was unexpected", changed("run", "x"))
        self.fails("'cmps' was unexpected", changed("cmps", {}))
        self.fails("should not be valid", changed("availability_topic", STATE))
        self.fails("'most' is not one of", changed("availability_mode", "most"))
        self.fails("3 is not one of", changed("qos", 3))
        self.fails("does not match", changed("state_topic", "selkie/+/values"))
        self.fails("does not have enough properties", changed("components", {}))

    def test_device(self):
        self.fails("is not valid under any", changed("device/identifiers", None))
        self.fails("is not valid under any", changed("device/identifiers", []))
        self.fails("is too short", changed("device/name", ""))
        self.fails("'firmware' was unexpected", changed("device/firmware", "1"))
        self.fails("does not match", changed("device/configuration_url", "javascript:alert(1)"))
        self.fails("is not of type 'string'", changed("device/sw_version", 1))

    def test_origin(self):
        self.fails("'name' is a required property", changed("origin/name", None))
        self.fails("does not match", changed("origin/support_url", "selkie"))
        self.fails("'version' was unexpected", changed("origin/version", "1"))

    def test_component(self):
        self.fails("'platform' is a required property", changed("components/door/platform", None))
        self.fails("'light' is not one of", changed("components/door/platform", "light"))
        self.fails("does not match", changed("components/a b", {"platform": "sensor"}))
        for name in RIGHT["components"]:
            self.fails("'unique_id' is a required property", changed(f"components/{name}/unique_id", None))
        self.fails("'state_topic' is a required property", changed("state_topic", None))
        self.fails("'command_topic' is a required property", changed("components/approve/command_topic", None))
        self.fails("availability_topic exclude", changed("components/door/availability_topic", STATE))
        self.assertEqual(judge(changed("components/gone", {"platform": "sensor"})).faults, [])

    def test_keys_of_each_platform(self):
        self.fails("'unit' was unexpected", changed("components/temperature/unit", "°C"))
        self.fails("'payload_on' was unexpected", changed("components/temperature/payload_on", "1"))
        self.fails("'state_class' was unexpected", changed("components/door/state_class", "measurement"))
        self.fails("'unit_of_measurement' was unexpected", changed("components/door/unit_of_measurement", "m"))
        self.fails("'options' was unexpected", changed("components/approve/options", ["a"]))
        self.fails("'state_topic' was unexpected", changed("components/approve/state_topic", STATE))
        self.fails("'object_id' was unexpected", changed("components/door/object_id", "door"))
        self.fails("'device' was unexpected", changed("components/door/device", {"identifiers": ["x"]}))
        for name in "temperature", "door":
            self.fails("'diagnostic' was expected", changed(f"components/{name}/entity_category", "config"))
        self.fails("'system' is not one of", changed("components/approve/entity_category", "system"))
        self.fails("does not match", changed("components/door/icon", "door"))
        self.fails("is not of type 'boolean'", changed("components/approve/retain", "no"))

    def test_classes(self):
        self.fails("device_class temperatur is none of sensor", changed("components/temperature/device_class", "temperatur"))
        self.fails("device_class humidity is none of binary_sensor", changed("components/door/device_class", "humidity"))
        self.fails("device_class door is none of button", changed("components/approve/device_class", "door"))
        self.fails("state_class average is none", changed("components/temperature/state_class", "average"))
        self.fails("state_class total does not fit temperature", changed("components/temperature/state_class", "total"))
        for unit in "C", "m", "°c":
            self.fails(f"unit_of_measurement {unit} does not fit", changed("components/temperature/unit_of_measurement", unit))
        self.fails("unit_of_measurement None does not fit", changed("components/temperature/unit_of_measurement", None))
        self.fails("unit_of_measurement s does not fit timestamp", changed("components/seen/unit_of_measurement", "s"))
        self.assertEqual(judge(changed("components/temperature/unit_of_measurement", "K")).faults, [])

    def test_options(self):
        self.fails("an enum without options", changed("components/mode/options", None))
        self.fails("is too short", changed("components/mode/options", []))
        self.fails("options need device_class enum", changed("components/mode/device_class", None))
        self.fails("has non-unique elements", changed("components/mode/options", ["on", "on"]))
        self.fails("does not fit enum", changed("components/mode/unit_of_measurement", "m"))
        self.fails("last_reset_value_template needs", changed("components/temperature/last_reset_value_template", "x"))

    def test_unique_ids(self):
        self.fails("is also of", changed("components/mode/unique_id", "selkie_1_note"))
        discovery = judge(RIGHT)
        discovery.message(TOPIC.replace("0102", "0202"), json.dumps(RIGHT))
        discovery.check_unique_ids()
        self.assertEqual(len(discovery.faults), 7)  # each component, and the device
        discovery.faults.clear()
        discovery.message(TOPIC, "")
        discovery.check_unique_ids()
        self.assertEqual(discovery.faults, [])

    def test_templates(self):
        self.fails("unexpected '}'", changed("components/note/value_template", "{{ value_json.note }"))
        self.fails("is undefined", changed("components/note/value_template", "{{ value_jsom.note }}"))
        self.fails("has no attribute", changed("components/note/value_template", "{{ value_json.text }}"))
        self.fails("unsafe", changed("components/note/value_template", "{{ value_json.__class__.__mro__ }}"))
        self.fails("No filter named", changed("components/note/value_template", "{{ value | from_yaml }}"))
        self.fails("availability 'perhaps'", changed("availability/0/value_template", "perhaps"))

    def test_states(self):
        self.fails("is no number", RIGHT, values='{"temperature":"warm"}')
        self.fails("is none of the options", RIGHT, values='{"mode":"off"}')
        self.fails("is none of", changed("components/door/value_template", "{{ value_json.door }}"))
        self.fails("is no time", changed("components/seen/value_template", "{{ value_json.status }}"))
        self.fails("has no zone", changed("components/seen/value_template", "2025-11-30 18:00:00"))
        self.fails("state of 256 characters", RIGHT, values=json.dumps({"note": 256 * "x"}))
        self.assertEqual(judge(RIGHT, values="{}").faults, [])

    def test_availability(self):
        sensor = lambda discovery: discovery.is_available(discovery.configs[TOPIC]["note"])
        self.assertTrue(sensor(judge(RIGHT)))
        self.assertFalse(sensor(judge(RIGHT, state='{"last_seen":1,"silent":true}')))
        self.assertFalse(sensor(judge(RIGHT, state="")))

    def test_other_topics_are_no_config(self):
        self.assertEqual(judge(RIGHT, topic="homeassistant/device/a.b/config").configs, {})


if __name__ == "__main__":
    unittest.main()
