"""Each kind of mistake is told with its file, line and setting, and nothing else is told."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import pathlib
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from callbridge.core.model.sentence import Sentence
from callbridge.settings import reader
from callbridge.settings.document import Document
from callbridge.settings.models import Settings
from callbridge.settings.schema import plain
from callbridge.settings.validators import shape
from tests.settings.conftest import Write, right, told

HASH = "scrypt:15:8:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5"
WRONG = [
    # shape
    ("beep", ("agents:\n", "bep: x\nagents:\n"), "cb.yaml:16: bep: is not a section (hint: did you mean 'beep'?)"),
    ("key", ("then: {queue: general}", "thn: {queue: general}\n    wrap_up: 1s"), "cb.yaml:13: queues.support.thn: is not a setting (hint: did you mean 'then'?)"),
    ("missing", ("phone: PJSIP/1002, ", ""), "cb.yaml:18: agents.ann.phone: is missing"),
    ("secret", (", password: p", ""), "cb.yaml:3: pbx[0].ari.password: is missing (hint: or password_file)"),
    ("level", ("support: 4", "support: 6"), "cb.yaml:17: agents.0101.skills.support: must be 5 or less, not '6'"),
    ("whole", ("support: 4", "support: much"), "cb.yaml:17: agents.0101.skills.support: expected a whole number, not 'much'"),
    ("enum", ("nailed_up", "nail"), "cb.yaml:18: agents.ann.connect: must be 'ring', 'auto_answer' or 'nailed_up', not 'nail' (hint: did you mean 'nailed_up'?)"),
    ("bool", ("login: yes", "login: maybe"), "cb.yaml:18: agents.ann.login: expected true or false, not 'maybe'"),
    ("phone", ("PJSIP/1002", "1002"), "cb.yaml:18: agents.ann.phone: expected one endpoint such as PJSIP/1001, not '1002'"),
    ("null", ("phone: PJSIP/1002", "phone: "), "cb.yaml:18: agents.ann.phone: has no value"),
    ("list", ("{user: u, secret: s}", "[]"), "cb.yaml:4: pbx[0].ami: expected settings"),
    ("steps", ('[{skills: "english or 中文"}]', "[]"), "cb.yaml:15: queues.general.steps: is an empty list"),
    ("duration", ("20s", "20x"), "cb.yaml:11: queues.support.steps[0].for: expected a duration such as 20s, 10m, 1h30m, 500ms or a number of seconds, not '20x'"),
    ("nothing", ("20s", "0"), "cb.yaml:11: queues.support.steps[0].for: must be longer than 0 s"),
    ("url", ("http:", "htp:"), "cb.yaml:3: pbx[0].ari.url: expected a URL such as http://127.0.0.1:8088"),
    ("slash", ("pbx1", "a/b"), "cb.yaml:2: pbx[0].name: 'a/b' contains a '/', which separates the PBX from the channel in ids"),
    ("zone", ("skills: [", "instance: {timezone: Europe/Londn}\nskills: ["), "cb.yaml:5: instance.timezone: no such time zone: 'Europe/Londn'; did you mean 'Europe/London'?"),
    ("folder zone", ("skills: [", "instance: {timezone: Europe}\nskills: ["), "cb.yaml:5: instance.timezone: no such time zone: 'Europe'; did you mean 'Europe/Rome'?"),
    ("flow", ("{queue: general}", "{flow: menu}"), "cb.yaml:13: queues.support.then.flow: no such flow: 'menu' (hint: none is configured)"),
    ("two thens", ("{queue: general}", '{queue: general, dialplan: "a,b"}'), 'cb.yaml:13: queues.support.then: expected one of {queue: NAME}, {flow: NAME}, {dialplan: "context,extension"}'),
    ("dialplan", ("{queue: general}", "{dialplan: there}"), """cb.yaml:13: queues.support.then.dialplan: expected "context,extension", not 'there'"""),
    ("penalty", ("  general:\n", "  general:\n    rejected: {rest: 5s, return_after: 5m}\n"), "cb.yaml:15: queues.general.rejected: return_after requires not_ready; a rest ends by itself"),
    ("pin", ("connect: nailed_up", "pin: 47a1"), "cb.yaml:18: agents.ann.pin: expected 3 to 12 digits"),
    ("short pin", ("connect: nailed_up", "pin: 12"), "cb.yaml:18: agents.ann.pin: expected 3 to 12 digits"),
    (
        "pin shorter than wanted",
        ("connect: nailed_up", "pin: 123"),
        "cb.yaml:18: agents.ann.pin: has 3 digits, at least 4 are required (hint: choose a longer PIN, or change phones.pin_digits)",
    ),
    ("key", ("skills: [", "reasons: {lunch: {digit: 12}}\nskills: ["), "cb.yaml:5: reasons.lunch.digit: expected one of the keys 0 to 9, not '12'"),
    ("key twice", ("skills: [", "reasons: {lunch: {digit: 1}, break: {digit: 1}}\nskills: ["), "cb.yaml:5: reasons.break.digit: 1 is already the key of 'lunch'"),
    ("limit", ("skills: [", "reasons: {lunch: {limit: 0}}\nskills: ["), "cb.yaml:5: reasons.lunch.limit: must be longer than 0 s"),
    ("reason", ("skills: [", "reasons: {lunch: {}}\nqueue_defaults: {no_answer: {not_ready: lunhc}}\nskills: ["), "cb.yaml:6: queue_defaults.no_answer.not_ready: no such reason: 'lunhc' (hint: did you mean 'lunch'?)"),
    ("wrap-up", ("  general:\n", "  general:\n    wrap_up: 20s\n    wrap_up_most: 10s\n"), "cb.yaml:16: queues.general.wrap_up_most: 10s is shorter than the wrap-up of queue 'general', 20s"),
    ("own reasons", ("skills: [", "reason_required: yes\nreasons: {rona: {limit: 10m}}\nskills: ["), "cb.yaml:5: reason_required: there are no reasons to choose from (hint: list them below 'reasons')"),
    ("no reasons", ("skills: [", "reason_required: yes\nskills: ["), "cb.yaml:5: reason_required: there are no reasons to choose from (hint: list them below 'reasons')"),
    ("misses", ("skills: [", "alert_after_misses: 0\nskills: ["), "cb.yaml:5: alert_after_misses: must be 1 or more, not '0'"),
    ("preset", ("connect: nailed_up", "auto_answer: {preset: yelink}"), "cb.yaml:18: agents.ann.auto_answer.preset: must be 'generic', 'audiocodes', 'gigaset', 'grandstream', 'microsip', 'mitel', 'polycom', 'snom', 'yealink' or 'zoiper', not 'yelink' (hint: did you mean 'yealink'?)"),
    ("header", ("connect: nailed_up", "auto_answer: {headers: {Via: x}}"), "cb.yaml:18: agents.ann.auto_answer.headers.Via: expected the name of a header such as Alert-Info, not 'Via'"),
    ("header's text", ("connect: nailed_up", 'auto_answer: {headers: {Alert-Info: "a\\nb"}}'), "cb.yaml:18: agents.ann.auto_answer.headers.Alert-Info: expected the text of a header, at most 200 printable characters of ASCII, not 'a\\nb'"),
    ("nothing sent", ("connect: nailed_up", "auto_answer: {}"), "cb.yaml:18: agents.ann.auto_answer: expected {preset: VENDOR}, {headers: {NAME: TEXT}} or both"),
    ("dnd", ("skills: [", "phones: {do_not_disturb: pause}\nskills: ["), "cb.yaml:5: phones.do_not_disturb: must be 'busy_elsewhere' or 'not_ready', not 'pause'"),
    ("display", ("skills: [", 'display: "{teir} {name}"\nskills: ['), "cb.yaml:5: display: expected text with any of {tier}, {queue}, {number} and at most one {name}, not '{teir} {name}'"),
    ("prompt", ("skills: [", "prompts: {pin: 'a sound'}\nskills: ["), "cb.yaml:5: prompts.pin: expected a sound such as agent-loginok, or several separated by commas, not 'a sound'"),
    ("prompt's name", ("skills: [", "prompts: {logged_on: x}\nskills: ["), "cb.yaml:5: prompts.logged_on: is not a setting (hint: did you mean 'logged_in'?)"),
    ("language", ("connect: nailed_up", "language: 'de/../x'"), "cb.yaml:18: agents.ann.language: expected a language as Asterisk names it, such as en or de, not 'de/../x'"),
    ("trunk", ("skills: [", "trunks: [PJSIP/1002]\nskills: ["), "cb.yaml:19: agents.ann.phone: PJSIP/1002 is listed under trunks, so it cannot be an agent's phone"),
    ("rate", ("skills: [", "database: {}\nquality: {samples: {team: {rate: 0, form: f}}, forms: {f: {sections: [{name: s, criteria: [{name: a}]}]}}}\nskills: ["), "cb.yaml:6: quality.samples.team.rate: must be more than 0, not '0'"),
    ("rate in percent", ("skills: [", "database: {}\nquality: {samples: {team: {rate: x%, form: f}}, forms: {f: {sections: [{name: s, criteria: [{name: a}]}]}}}\nskills: ["), "cb.yaml:6: quality.samples.team.rate: expected a share such as 10% or 0.1, not 'x%'"),
    ("fatal points", ("skills: [", "database: {}\nquality: {samples: {team: {rate: 10%, form: f}}, forms: {f: {sections: [{name: s, criteria: [{name: a, fatal: yes, points: 3}]}]}}}\nskills: ["), "cb.yaml:6: quality.forms.f.sections[0].criteria[0]: a fatal criterion is passed or failed and has no points"),
    ("criterion twice", ("skills: [", "database: {}\nquality: {samples: {team: {rate: 10%, form: f}}, forms: {f: {sections: [{name: s, criteria: [{name: a}, {name: a}]}]}}}\nskills: ["), "cb.yaml:6: quality.forms.f: two criteria have the name 'a'"),
    ("callback's campaign", ("skills: [", "database: {}\nquality: {samples: {team: {rate: 1, form: f}}, forms: {f: {on_fatal: {callback: {campaign: sorry}}, sections: [{name: s, criteria: [{name: a}]}]}}}\nskills: ["), "cb.yaml:6: quality.forms.f.on_fatal.callback.campaign: no such campaign: 'sorry' (hint: none is configured)"),
    ("sample's form", ("skills: [", "database: {}\nquality: {samples: {team: {rate: 1, form: g}}}\nskills: ["), "cb.yaml:6: quality.samples.team.form: no such form: 'g' (hint: none is configured)"),
    # names
    ("entry name", ("  help: {", "  he_lp: {"), "cb.yaml:7: entries.he_lp: 'he_lp' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("entry h", ("  help: {", "  h: {"), "cb.yaml:7: entries.h: 'h' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("entry x.y", ("  help: {", "  x.y: {"), "cb.yaml:7: entries.x.y: 'x.y' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("entry 销售", ("  help: {", "  销售: {"), "cb.yaml:7: entries.销售: '销售' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("entry a-", ("  help: {", "  a-: {"), "cb.yaml:7: entries.a-: 'a-' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("entry", ("queue: support", "queue: suport"), "cb.yaml:7: entries.help.queue: no such queue: 'suport' (hint: did you mean 'support'?)"),
    ("then", ("queue: general", "queue: genral"), "cb.yaml:13: queues.support.then.queue: no such queue: 'genral' (hint: did you mean 'general'?)"),
    ("own name", ("  general:\n", "  general:\n    renamed_from: general\n"), "cb.yaml:15: queues.general.renamed_from: 'general' is the queue's present name (hint: give its former name)"),
    ("name in use", ("  general:\n", "  general:\n    renamed_from: support\n"), "cb.yaml:15: queues.general.renamed_from: queue 'support' still exists and keeps its callers (hint: remove queue 'support', or renamed_from)"),
    ("renamed twice", ("  general:\n", "  other: {renamed_from: old, steps: [{skills: support}]}\n  general:\n    renamed_from: old\n"), "cb.yaml:16: queues.general.renamed_from: queue 'other' is already renamed from 'old'"),
    ("renamed all", ("queues:\n", "queue_defaults: {renamed_from: old}\nqueues:\n"), "cb.yaml:8: queue_defaults.renamed_from: cannot be a default: each queue needs its own"),
    ("entry in use", ("help: {queue: support}", "help: {queue: support, renamed_from: help}"), "cb.yaml:7: entries.help.renamed_from: 'help' is the entry's present name (hint: give its former name)"),
    ("entry's old name", ("help: {queue: support}", "help: {queue: support, renamed_from: h}"), "cb.yaml:7: entries.help.renamed_from: 'h' cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"),
    ("skill", ("support >= 3", "suport >= 3"), "cb.yaml:11: queues.support.steps[0].skills: no such skill: 'suport' (hint: did you mean 'support'?)"),
    ("agent's skill", ("{english: 2}", "{engish: 2}"), "cb.yaml:18: agents.ann.skills.engish: no such skill: 'engish' (hint: did you mean 'english'?)"),
    ("skill name", ("中文]", "中文, and]"), "cb.yaml:5: skills[3]: 'and' cannot be the name of a skill (hint: use letters, digits, _ and -)"),
    ("skill twice", ("中文]", "中文, support]"), "cb.yaml:5: skills[3]: 'support' is listed twice"),
    ("no skills", ("skills: [support, english, 中文]\n", "\n"), "cb.yaml: skills: is missing (hint: list every skill that agents have and steps require)"),
    ("tier", ("  general:\n", "  general:\n    tiers: {dimond: {head_start: 5m}}\n"), "cb.yaml:15: queues.general.tiers.dimond: no such tier: 'dimond' (hint: did you mean 'diamond'?)"),
    ("default tier", ("skills: [", "tiers: {default: gld}\nskills: ["), "cb.yaml:5: tiers.default: no such tier: 'gld' (hint: did you mean 'gold'?)"),
    ("tier twice", ("skills: [", "tiers: {order: [standard, gold, gold]}\nskills: ["), "cb.yaml:5: tiers.order[2]: 'gold' is listed twice"),
    ("number", ("skills: [", "tiers: {numbers: {gold: [+44, bob]}}\nskills: ["), "cb.yaml:5: tiers.numbers.gold[1]: 'bob' is not a phone number"),
    ("number twice", ("skills: [", "tiers: {numbers: {gold: [+44 1], diamond: [00441]}}\nskills: ["), "cb.yaml:5: tiers.numbers.diamond[0]: '00441' is also listed at tiers.numbers.gold[0]"),
    ("csv", ("skills: [", "tiers: {csv: no.csv}\nskills: ["), "cb.yaml:5: tiers.csv: cannot read 'no.csv': no such file or directory"),
    ("shared phone", ("PJSIP/1002", "PJSIP/1001"), "cb.yaml:18: agents.ann.phone: PJSIP/1001 is already the phone of agent '0101' (hint: see cb.yaml:17)"),
    ("hint", ("phone: PJSIP/1002", "phone: PJSIP/1002, hint: ext-local"), "cb.yaml:18: agents.ann.hint: expected an extension and its context such as 1001@ext-local, not 'ext-local'"),
    ("phone and phones", ("phone: PJSIP/1002", "phone: PJSIP/1002, phones: [PJSIP/3]"), "cb.yaml:18: agents.ann.phones: cannot be given beside phone (hint: list them all in phones)"),
    ("no phones", ("phone: PJSIP/1002", "phones: []"), "cb.yaml:18: agents.ann.phones: is empty (hint: list at least one phone, such as [PJSIP/1001])"),
    ("phones in a text", ("phone: PJSIP/1002", "phones: PJSIP/1002"), "cb.yaml:18: agents.ann.phones: expected a list, not 'PJSIP/1002'"),
    ("phones without a value", ("phone: PJSIP/1002", "phones: "), "cb.yaml:18: agents.ann.phones: has no value"),
    ("phone twice", ("phone: PJSIP/1002", "phones: [PJSIP/1002, PJSIP/1002]"), "cb.yaml:18: agents.ann.phones[1]: PJSIP/1002 is listed twice (hint: see cb.yaml:18)"),
    ("shared second phone", ("phone: PJSIP/1002", "phones: [PJSIP/1002, PJSIP/1001]"), "cb.yaml:18: agents.ann.phones[1]: PJSIP/1001 is already the phone of agent '0101' (hint: see cb.yaml:17)"),
    ("too many phones", ("phone: PJSIP/1002", "phones: [PJSIP/2, PJSIP/3, PJSIP/4, PJSIP/5, PJSIP/6, PJSIP/7, PJSIP/8, PJSIP/9, PJSIP/10]"), "cb.yaml:18: agents.ann.phones: 9 phones would ring for each call, at most 8 may"),
    ("a phone among phones", ("phone: PJSIP/1002", "phones: [PJSIP/1002, 1003]"), "cb.yaml:18: agents.ann.phones[1]: expected one endpoint such as PJSIP/1001, not '1003'"),
    ("browser phone of others", ("phone: PJSIP/1002", "phone: PJSIP/1002, pin: '4711', browser_phone: {password: x, phone: PJSIP/3}"), "cb.yaml:18: agents.ann.browser_phone.phone: PJSIP/3 is not one of the agent's phones (hint: add it to agents.ann.phones)"),
    ("browser phone of sip", ("phone: PJSIP/1002", "phone: SIP/1002, pin: '4711', browser_phone: {password: x}"), "cb.yaml:18: agents.ann.browser_phone: SIP/1002 cannot be in a browser (hint: use an endpoint of PJSIP)"),
    ("browser phone without a pin", ("phone: PJSIP/1002", "phone: PJSIP/1002, browser_phone: {password: x}"), "cb.yaml:18: agents.ann.browser_phone: is of no use: the agent cannot log in to the page (hint: add a pin, or http.oidc)"),
    ("browser phone without a password", ("phone: PJSIP/1002", "phone: PJSIP/1002, pin: '4711', browser_phone: {}"), "cb.yaml:18: agents.ann.browser_phone.password: is missing (hint: or password_file)"),
    ("a user's browser phone", ("skills: [", f"users: {{maria: {{role: supervisor, password: '{HASH}', browser_phone: {{phone: PJSIP/1002, password: x}}}}}}\nskills: ["), "cb.yaml:5: users.maria.browser_phone.phone: PJSIP/1002 is the phone of an agent (hint: give the user an endpoint of its own)"),
    ("open http", ("skills: [", "http: {host: 0.0.0.0}\nskills: ["), "cb.yaml:5: http.host: '0.0.0.0' can be reached from other machines, but there is neither a token nor a user (hint: add token_file or users, or use host: 127.0.0.1)"),
    # transfers
    ("dial string", ("skills: [", "outside: {dial: 4711}\nskills: ["), """cb.yaml:5: outside.dial: expected a dial string of Asterisk, such as "Local/{number}@callbridge-outside/n", not '4711'"""),
    ("dial two", ("skills: [", 'outside: {dial: "PJSIP/{number}@t&PJSIP/1"}\nskills: ['), """cb.yaml:5: outside.dial: expected a dial string of Asterisk, such as "Local/{number}@callbridge-outside/n", not 'PJSIP/{number}@t&PJSIP/1'"""),
    ("key act", ("skills: [", 'keys: {"*1": transfers}\nskills: ['), "cb.yaml:5: keys.*1: must be 'transfer', 'consult', 'consult_offer', 'consult_wait', 'complete', 'return', 'conference', 'hold', 'unhold', 'survey', 'record', 'pause_recording' or 'resume_recording', not 'transfers' (hint: did you mean 'transfer'?)"),
    ("key prefix", ("skills: [", 'keys: {"*1": consult, "*12": transfer}\nskills: ['), "cb.yaml:5: keys.*12: begins with '*1', which is itself a feature code"),
    ("extension twice", ("  general:\n", "  general:\n    extension: 0101\n"), "cb.yaml:15: queues.general.extension: '0101' is already taken by agent '0101'"),
    ("token's role", ("skills: [", "http: {tokens: [{name: a, role: boss, token: x}]}\nskills: ["), "cb.yaml:5: http.tokens[0].role: must be 'viewer', 'agent', 'supervisor' or 'admin', not 'boss'"),
    ("token missing", ("skills: [", "http: {tokens: [{name: a, role: admin}]}\nskills: ["), "cb.yaml:5: http.tokens[0].token: is missing (hint: or token_file)"),
    ("token twice", ("skills: [", "http: {token: x, tokens: [{name: a, role: admin, token: x}]}\nskills: ["), "cb.yaml:5: http.tokens[0].token: is the same as http.token: the two could not be told apart"),
    ("token's name", ("skills: [", "http: {tokens: [{name: local, role: viewer, token: x}]}\nskills: ["), "cb.yaml:5: http.tokens[0].name: 'local' is reserved"),
    ("token's name twice", ("skills: [", "http: {tokens: [{name: a, role: viewer, token: x}, {name: a, role: viewer, token: y}]}\nskills: ["), "cb.yaml:5: http.tokens[1].name: 'a' is already the name of another token"),
    ("token's agent", ("skills: [", "http: {tokens: [{name: a, role: agent, agent: anne, token: x}]}\nskills: ["), "cb.yaml:5: http.tokens[0].agent: no such agent: 'anne' (hint: did you mean 'ann'?)"),
    ("agent's token", ("skills: [", "http: {tokens: [{name: a, role: agent, token: x}]}\nskills: ["), 'cb.yaml:5: http.tokens[0]: names no agent (hint: add agent: "1001")'),
    ("token of no agent", ("skills: [", "http: {tokens: [{name: a, role: admin, agent: ann, token: x}]}\nskills: ["), "cb.yaml:5: http.tokens[0].agent: requires role: agent, not admin"),
    ("token's teams", ("skills: [", "http: {tokens: [{name: a, role: viewer, token: x, teams: [b]}]}\nskills: ["), "cb.yaml:5: http.tokens[0].teams[0]: no such team: 'b' (hint: none is configured)"),
    ("user's hash", ("skills: [", "users: {maria: {role: admin, password: secret}}\nskills: ["), "cb.yaml:5: users.maria.password: is not a password hash: `callbridge password` makes one"),
    ("user is an agent", ("skills: [", f"users: {{ann: {{role: viewer, password: '{HASH}'}}}}\nskills: ["), "cb.yaml:5: users.ann: 'ann' is already the id of an agent (hint: agents log in with their id and PIN)"),
    ("user's name", ("skills: [", f"users: {{admin: {{role: viewer, password: '{HASH}'}}}}\nskills: ["), "cb.yaml:5: users.admin: 'admin' is reserved"),
    ("user's team", ("skills: [", f"users: {{maria: {{role: viewer, teams: [frnt], password: '{HASH}'}}}}\nteams: {{front: {{}}}}\nskills: ["), "cb.yaml:5: users.maria.teams[0]: no such team: 'frnt' (hint: did you mean 'front'?)"),
    ("admin's team", ("skills: [", f"users: {{maria: {{role: admin, teams: [front], password: '{HASH}'}}}}\nteams: {{front: {{}}}}\nskills: ["), "cb.yaml:5: users.maria.teams: requires role: viewer or supervisor, not admin"),
    ("team's queue", ("skills: [", "teams: {front: {queues: [suport]}}\nskills: ["), "cb.yaml:5: teams.front.queues[0]: no such queue: 'suport' (hint: did you mean 'support'?)"),
    ("team's agent", ("skills: [", "teams: {front: {agents: [anne]}}\nskills: ["), "cb.yaml:5: teams.front.agents[0]: no such agent: 'anne' (hint: did you mean 'ann'?)"),
    ("proxy", ("skills: [", "http: {token: x, trusted_proxies: [proxy.example]}\nskills: ["), "cb.yaml:5: http.trusted_proxies[0]: expected an address or a network such as 10.0.0.0/24, not 'proxy.example'"),
    ("open proxy", ("skills: [", "http: {trusted_proxies: [127.0.0.1]}\nskills: ["), "cb.yaml:5: http.trusted_proxies: nobody could use the API behind a proxy, because there is neither a token nor a user (hint: add token_file or users)"),
    ("no way to log in", ("skills: [", "users: {maria: {role: viewer}}\nskills: ["), "cb.yaml:5: users.maria.password: is missing (hint: make one with `callbridge password`, or add http.oidc)"),
    ("provider in the open", ("skills: [", "http: {oidc: {issuer: http://id.example, client_id: a, address: https://calls.example}}\nskills: ["), "cb.yaml:5: http.oidc.issuer: expected an address with https: anybody on the network path could log in as any user"),
    ("certificate", ("skills: [", "http: {tls: {certificate: none.pem, key: cb.yaml}}\nskills: ["), "cb.yaml:5: http.tls.certificate: cannot read 'none.pem': no such file or directory"),
    ("wall's queue", ("skills: [", "walls: {front: {queues: [suport]}}\nskills: ["), "cb.yaml:5: walls.front.queues[0]: no such queue: 'suport' (hint: did you mean 'support'?)"),
    ("wall's key", ("skills: [", "walls: {front: {key: short}}\nskills: ["), "cb.yaml:5: walls.front.key: is too short: at least 16 characters, such as `openssl rand -hex 16` prints"),
    ("wall's key's letters", ("skills: [", "walls: {front: {key: 0123456789abcdef?}}\nskills: ["), "cb.yaml:5: walls.front.key: is part of an address: use ASCII letters and digits"),
    ("token's letters", ("skills: [", 'http: {tokens: [{name: a, role: admin, token: "a b"}]}\nskills: ['), "cb.yaml:5: http.tokens[0].token: cannot be sent in an HTTP header: use ASCII letters, digits and punctuation"),
    ("hook url", ("skills: [", "webhooks: [{name: crm, url: crm.example, secret: 0123456789abcdef}]\nskills: ["), "cb.yaml:5: webhooks[0].url: expected a URL such as https://127.0.0.1:8443/calls"),
    ("hook secret", ("skills: [", "webhooks: [{name: crm, url: https://crm.example/}]\nskills: ["), "cb.yaml:5: webhooks[0].secret: is missing (hint: or secret_file)"),
    ("short secret", ("skills: [", "webhooks: [{name: crm, url: https://crm.example/, secret: short}]\nskills: ["), "cb.yaml:5: webhooks[0].secret: is too short for signing: use at least 16 characters"),
    ("secret file", ("skills: [", "webhooks: [{name: crm, url: https://crm.example/, secret_file: no}]\nskills: ["), "cb.yaml:5: webhooks[0].secret_file: cannot read 'no': no such file or directory"),
    ("schedule", ("skills: [", "shifts: {csv: no.csv}\nskills: ["), "cb.yaml:5: shifts.csv: cannot read 'no.csv': no such file or directory"),
    ("days of a queue", ("skills: [", "database: {}\nmetrics: {recordings: /tmp}\nrecordings: {queues: {sale: 3}}\nskills: ["), "cb.yaml:7: recordings.queues.sale: no such queue: 'sale' (hint: known: general, support)"),
    ("days without history", ("skills: [", "metrics: {recordings: /tmp}\nrecordings: {keep_days: 3}\nskills: ["), "cb.yaml:6: recordings: requires the history, which records their age (hint: add database: {})"),
    ("days without folder", ("skills: [", "database: {}\nrecordings: {keep_days: 3}\nskills: ["), "cb.yaml:6: recordings: requires the folder of the recordings (hint: add metrics: {recordings: /var/spool/asterisk/monitor})"),
    ("days forgotten", ("skills: [", "database: {}\nhistory: {days: 9}\nmetrics: {recordings: /tmp}\nrecordings: {keep_days: 10}\nskills: ["), "cb.yaml:8: recordings: the history forgets them after 9 days, so their files would never be deleted (hint: set history: {days: 10})"),
    ("hook event", ("skills: [", "webhooks: [{name: crm, url: https://crm.example/, secret: 0123456789abcdef, events: [ofer]}]\nskills: ["), "cb.yaml:5: webhooks[0].events[0]: must be 'offer', 'caller', 'answer', 'end', 'alert', 'survey', 'recording' or 'score', not 'ofer' (hint: did you mean 'offer'?)"),
    ("link", ("skills: [", "webhooks: [{name: crm, url: https://crm.example/, secret: 0123456789abcdef, link: 'https://x/{nummer}'}]\nskills: ["), "cb.yaml:5: webhooks[0].link: {nummer} is not a placeholder; known: {number}, {name}, {tier}, {queue}, {agent}, {call}, {uniqueid}"),
    ("mail address", ("skills: [", "mail: {host: smtp.example, from: nobody}\nskills: ["), "cb.yaml:5: mail.from: expected an e-mail address such as callbridge@example.com, not 'nobody'"),
    ("mail user", ("skills: [", "mail: {host: smtp.example, from: a@b.example, user: u}\nskills: ["), "cb.yaml:5: mail: user and password (or password_file) belong together: give both or neither"),
    ("report's name", ("skills: [", "database: {}\nreports: [{name: m, report: queue, to: [{folder: .}]}]\nskills: ["), "cb.yaml:6: reports[0].report: no such report: 'queue'; `callbridge report --help` lists them"),
    ("report of one call", ("skills: [", "database: {}\nreports: [{name: m, report: call, to: [{folder: .}]}]\nskills: ["), "cb.yaml:6: reports[0].report: the report call is about one call: it cannot be sent by schedule"),
    ("report's time", ("skills: [", "database: {}\nreports: [{name: m, report: queues, at: 24:30, to: [{folder: .}]}]\nskills: ["), "cb.yaml:6: reports[0].at: expected a time of day such as 07:00, not '24:30'"),
    ("report's option", ("skills: [", "database: {}\nreports: [{name: m, report: agents, queues: support, to: [{folder: .}]}]\nskills: ["), "cb.yaml:6: reports[0]: the report agents cannot be narrowed to queues"),
    ("report's queue", ("skills: [", "database: {}\nreports: [{name: m, report: queues, queues: [suport], to: [{folder: .}]}]\nskills: ["), "cb.yaml:6: reports[0].queues: no such name: 'suport' (hint: did you mean 'support'?)"),
    ("report's targets", ("skills: [", "database: {}\nreports: [{name: m, report: queues, to: []}]\nskills: ["), "cb.yaml:6: reports[0].to: is an empty list"),
    ("report's target", ("skills: [", "database: {}\nreports: [{name: m, report: queues, to: [{folder: ., email: [a@b.example]}]}]\nskills: ["), "cb.yaml:6: reports[0].to[0]: give exactly one of email, folder and webhook"),
    ("report without mail", ("skills: [", "database: {}\nreports: [{name: m, report: queues, to: [{email: a@b.example}]}]\nskills: ["), "cb.yaml:6: reports[0].to: email needs the section mail (hint: such as mail: {host: smtp.example.com, from: cb@example.com})"),
    ("report without history", ("skills: [", "history: {keep: no}\ndatabase: {}\nreports: [{name: m, report: queues, to: [{folder: .}]}]\nskills: ["), "cb.yaml:7: reports: reports need the history, which history: {keep: no} turns off"),
    ("mail in clear", ("skills: [", "mail: {host: smtp.example, from: a@b.example, user: u, password: p, tls: off}\nskills: ["), "cb.yaml:5: mail: tls: off would send the password in clear text: use starttls or tls"),
    ("alerts nowhere", ("skills: [", "alerts: {off: long_wait}\nskills: ["), "cb.yaml:5: alerts: have no recipient (hint: add mail_to, or a webhook)"),
    ("alerts without mail", ("skills: [", "alerts: {mail_to: a@b.example}\nskills: ["), "cb.yaml:5: alerts.mail_to: requires the section 'mail' (hint: add mail: {host: ..., from: ...})"),
    ("alerts' tier", ("skills: [", "alerts: {webhook: {url: https://a/, secret: 0123456789abcdef}, vip_tiers: [dimond]}\nskills: ["), "cb.yaml:5: alerts.vip_tiers[0]: no such tier: 'dimond' (hint: did you mean 'diamond'?)"),
    ("alerts' rule", ("skills: [", "alerts: {webhook: {url: https://a/, secret: 0123456789abcdef}, off: [longwait]}\nskills: ["), "cb.yaml:5: alerts.off[0]: must be 'vip_over_target', 'long_wait', 'nobody_on_duty', 'nobody_fits', 'service_level', 'tier_service_level', 'calls_unusual', 'offers_missed', 'survey_dsat', 'not_ready_too_long', 'pbx_link', 'store_behind', 'database', 'history_behind', 'facts_lost' or 'webhook_backlog', not 'longwait' (hint: did you mean 'long_wait'?)"),
    ("hook twice", ("skills: [", "webhooks: [{name: crm, url: https://a/, secret: 0123456789abcdef}, {name: crm, url: https://b/, secret: 0123456789abcdef}]\nskills: ["), "cb.yaml:5: webhooks[1].name: 'crm' is already the name of another webhook"),
    # routings
    ("behind", ('3", for: 20s', '3"'), "cb.yaml:11: queues.support.steps[0]: never ends: the steps after it are never reached (hint: add 'for')"),
    ("then unreached", (", for: 90s", ""), "cb.yaml:13: queues.support.then: is never reached: the last step never ends (hint: add 'for' to the last step, or remove 'then')"),
    ("no then", ("    then: {queue: general}\n", ""), "cb.yaml:12: queues.support.steps[1]: ends, but queue 'support' has no 'then' that says where callers go next (hint: add 'then', or remove this last 'for')"),
    ("no steps", ('    steps: [{skills: "english or 中文"}]', "    wrap_up: 3s"), 'cb.yaml:14: queues.general: has no steps (hint: add steps: [{skills: "support >= 1"}])'),
    ("circle", ('中文"}]', '中文", for: 5s}]\n    then: {queue: support}'), "cb.yaml:16: queues.general.then.queue: callers of tier 'diamond' would be in a loop without exit: general -> support -> general"),
    ("itself", ("{queue: general}", "{queue: support}"), "cb.yaml:13: queues.support.then.queue: callers of tier 'diamond' would be in a loop without exit: support -> support"),
    # YAML and the environment
    ("twice", ("  general:\n", "  support: {}\n  general:\n"), "cb.yaml:14: queues.support: is given twice (first in line 9)"),
    ("syntax", ("{queue: general}", "{queue: general"), "cb.yaml:14: a quote, bracket or brace is opened and not closed (hint: or a comma is missing)"),
    ("quotes", ("user: u, p", "user: ${ARI_USR}, p"), "cb.yaml:3: a quote, bracket or brace is opened and not closed (hint: inside {...} put it in quotes: \"${NAME}\")"),
    ("environment", ("user: u, p", 'user: "${ARI_USR}", p'), "cb.yaml:3: pbx[0].ari.user: the environment variable ARI_USR is not set (hint: did you mean 'ARI_USER'?, or write ${ARI_USR:-default})"),
    ("reference", ("user: u, p", 'user: "${1}", p'), "cb.yaml:3: pbx[0].ari.user: '${' without a variable's name and '}' (hint: write ${NAME}, or $$ for a dollar sign)"),
    ("tab", ("  general:\n", "\tgeneral:\n"), "cb.yaml:14: a tab cannot indent a line in YAML (hint: use spaces)"),
    ("odd space", ("skills: [", "skills:\u00a0["), "cb.yaml:5: after ':' is an invisible character (U+00A0) (hint: use a space)"),
    ("odd space in braces", ('{skills: "support"', '{skills:\u3000"support"'), "cb.yaml:12: after ':' is an invisible character (U+3000) (hint: use a space)"),
    ("odd space after a name", ("  support:\n", "  support:\u202f\n"), "cb.yaml:9: after ':' is an invisible character (U+202F) (hint: use a space)"),
    ("odd space of a list", ('- {skills: "support",', '-\u00a0{skills: "support",'), "cb.yaml:12: after '-' is an invisible character (U+00A0) (hint: use a space)"),
    ("wide colon", ("skills: [", "skills：["), "cb.yaml:5: a full-width colon (U+FF1A) does not end a key (hint: use ':' and a space)"),
    ("wide colon in braces", ("skills: {english: 2}", "skills： {english: 2}"), "cb.yaml:18: a full-width colon (U+FF1A) does not end a key (hint: use ':' and a space)"),
    ("hard space", ("  general:\n", "\u00a0 general:\n"), "cb.yaml:14: the line is indented by an invisible character (U+00A0) (hint: use spaces)"),
    ("star", ("skills: [", "keys: {*2: transfer}\nskills: ["), "cb.yaml:5: a text that begins with '*' means another place of the file in YAML (hint: write \"*2\":)"),
    ("sign", ("name: pbx1", "name: @pbx1"), "cb.yaml:2: a text cannot begin with '@' in YAML (hint: put the text in quotes)"),
    ("colon", ("help: {queue: support}", "help: queue: support"), "cb.yaml:7: a second ': ' in one line, or a wrong indentation (hint: put a text with a colon in quotes)"),
    ("indent", ("  general:\n", " general:\n"), "cb.yaml:14: the indentation does not match the lines above (hint: keys of one section begin in the same column)"),
    ("no colon", ("  general:\n", "  general\n"), "cb.yaml:15: a key without ':', or a wrong indentation (hint: write NAME: VALUE)"),
    # the root cause, without what follows from it
    ("section", ("queues:\n", "queue:\n"), "cb.yaml:8: queue: is not a section (hint: did you mean 'queues'?)"),
    ("agents' section", ("agents:\n", "agent:\n"), "cb.yaml:16: agent: is not a section (hint: did you mean 'agents'?)"),
    ("pbx's section", ("pbx:\n", "pbxs:\n"), "cb.yaml:1: pbxs: is not a section (hint: did you mean 'pbx'?)"),
    ("token file", ("skills: [", "http: {token_file: no}\nskills: ["), "cb.yaml:5: http.token_file: cannot read 'no': no such file or directory"),
    ("two token files", ("skills: [", "http: {host: 0.0.0.0, tokens: [{name: a, role: viewer, token_file: no}, {name: b, role: viewer, token: 1234567890123456}]}\nskills: ["), "cb.yaml:5: http.tokens[0].token_file: cannot read 'no': no such file or directory"),
    ("pin file", ("connect: nailed_up", "pin_file: no"), "cb.yaml:18: agents.ann.pin_file: cannot read 'no': no such file or directory"),
    ("redis", ("skills: [", "redis: {url: '127.0.0.1:6379'}\nqueue_defaults: {callback: {}}\ncallbacks: {numbers: [\"0Z.\"]}\noutside: {dial: \"Local/{number}@out/n\"}\nskills: ["), "cb.yaml:5: redis.url: expected a URL such as redis://127.0.0.1:6379/0"),
    ("cluster", ("skills: [", "redis: {url: 'redis+cluster://n1,n2'}\nskills: ["), "cb.yaml:5: redis.prefix: needs a tag in braces, because redis.url is a Redis Cluster: one node must have all keys (hint: for example prefix: \"{callbridge}:\")"),
    ("cluster with a tag", ("skills: [", "redis: {url: 'redis+cluster://n1,n2/1', prefix: '{cb}:'}\nskills: ["), "cb.yaml:5: redis.url: expected a URL such as redis://127.0.0.1:6379/0"),
    ("standby", ("skills: [", "standby: {address: 'http://cb1.example:8090'}\nskills: ["), "cb.yaml:5: standby: requires a section 'redis:' (hint: all instances of a pair use the same Redis)"),
    ("standby's patience", ("skills: [", "redis: {url: 'redis://127.0.0.1'}\nstandby: {address: 'http://cb1.example', take_over_after: 100ms}\nskills: ["), "cb.yaml:6: standby.take_over_after: must be 1.0 or more, not '100ms'"),
    ("arrow", ("support >= 3", "support => 3"), "cb.yaml:11: queues.support.steps[0].skills: a level is compared with >= at character 9 of 'support => 3'\n    support => 3\n            ^ a level is compared with >="),
    ("auto answer", ("nailed_up", "autoanswer"), "cb.yaml:18: agents.ann.connect: must be 'ring', 'auto_answer' or 'nailed_up', not 'autoanswer' (hint: did you mean 'auto_answer'?)"),
    ("behind a trunk", ("PJSIP/1002", "PJSIP/208@trunk"), "cb.yaml:18: agents.ann.phone: 'PJSIP/208@trunk' is a number behind 'trunk', not an endpoint such as PJSIP/1001"),
    ("abbreviation", ("skills: [", "instance: {timezone: CEST}\nskills: ["), "cb.yaml:5: instance.timezone: 'CEST' is an abbreviation, which knows no summer time: expected a place such as Europe/Berlin"),
    ("no regular expression", ("skills: [", "keys: {transfer: transfer}\nskills: ["), "cb.yaml:5: keys.transfer: expected a feature code such as *1: * or #, and one to four more of 0-9, * and #, not 'transfer'"),
    ("control", ("user: u, p", 'user: "a\\e[2J", p'), "cb.yaml:3: pbx[0].ari.user: contains a control character"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_a_mistake_is_told_with_its_place_and_nothing_else_is(write: Write, change: tuple[str, str], message: str) -> None:
    assert told(write(change), {"ARI_USER": "x"}) == [message]


FOLLOWED = [
    ("mail: {host: {}, from: a@b.c}", "alerts: {mail_to: [ops@example.com]}", "mail.host: expected text"),
    ("mail: x", "alerts: {mail_to: [ops@example.com]}", "mail: expected settings, not 'x'"),
    ("flows: x", "queue_defaults: {keys: {'1': welcome}}", "flows: expected names with their settings, not 'x'"),
    ("surveys: 3", "queue_defaults: {survey: service}", "surveys: expected names with their settings, not '3'"),
    (
        "calendars: [[]]",
        "flows: {a: {nodes: {x: {hours: office, open: y, closed: y}, y: {goodbye: bye}}}}",
        "calendars: expected names with their settings",
    ),
    ("reasons: [lunch]", "reason_required: yes", "reasons: expected names with their settings"),
    ("reasons: 5", "queue_defaults: {no_answer: {not_ready: lunch}}", "reasons: expected names with their settings, not '5'"),
    (
        "tiers: {order: platin}",
        "queue_defaults: {tiers: {platin: {head_start: 1m}}}",
        "tiers.order: expected a list, not 'platin'",
    ),
    (
        "tiers: platin",
        "alerts: {vip_tiers: [platin], mail_to: [a@b.c]}\nmail: {host: h, from: a@b.c}",
        "tiers: expected settings, not 'platin'",
    ),
    ("database: x", "recordings: {keep_days: 3}\nmetrics: {recordings: /tmp}", "database: expected settings, not 'x'"),
    ("metrics: x", "recordings: {keep_days: 3}\ndatabase: {}", "metrics: expected settings, not 'x'"),
    ("database: x", "quality: {forms: {}, samples: {s: {form: f, share: 0.1}}}", None),
    (
        "campaigns: x",
        "reports: [{name: m, report: campaigns, at: '07:00', campaigns: [cc], to: [{folder: /tmp}]}]\ndatabase: {}",
        "campaigns: expected names with their settings, not 'x'",
    ),
]


@pytest.mark.parametrize(("broken", "user", "message"), FOLLOWED, ids=[f"{broken} / {user[:20]}" for broken, user, _ in FOLLOWED])
def test_what_needs_a_section_that_cannot_be_read_is_no_fault_of_its_own(
    write: Write, broken: str, user: str, message: str | None
) -> None:
    """One mistake, one line: nothing seems to be missing because its section has a fault."""
    lines = [line.partition(": ")[2] for line in told(write(("skills: [", f"{broken}\n{user}\nskills: [")))]
    assert lines == [message] if message else not [line for line in lines if "requires the section" in line], lines


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("skills: [support, english, 中文]", "skills: 5"), "skills: expected names with their settings, not '5'"),
        (
            ('    steps: [{skills: "english or 中文"}]', '    step: [{skills: "english or 中文"}]'),
            "queues.general.step: is not a setting (hint: did you mean 'steps'?)",
        ),
    ],
)
def test_a_list_that_cannot_be_read_is_told_once(write: Write, change: tuple[str, str], message: str) -> None:
    assert [line.partition(": ")[2] for line in told(write(change))] == [message]


@pytest.mark.parametrize(
    "host", ["sip:pbx.example", "pbx.example:5061", "me@pbx.example", "*.example", "192.0.2.0/24", "192.0.2.999", "a b", "-"]
)
def test_a_host_that_no_phone_can_name_is_refused(write: Write, host: str) -> None:
    (fault,) = told(write(("skills: [", f"phones: {{domains: [pbx.example, '{host}']}}\nskills: [")), {"ARI_USER": "x"})
    expected = 'expected a host such as pbx.example.com or 192.0.2.10 (no sip:, no port), or "*"'
    assert fault == f"cb.yaml:5: phones.domains[1]: {expected}, not {host!r}"


@pytest.mark.parametrize("phones", ["SIP/*", "IAX2/2?"])
def test_a_pattern_of_phones_that_allows_any_host_is_refused(write: Write, phones: str) -> None:
    (fault,) = told(write(("skills: [", f"phones: {{allowed: [PJSIP/2*, '{phones}']}}\nskills: [")), {"ARI_USER": "x"})
    expected = "may allow any host: list each such phone, as `*` and `?` are for PJSIP endpoints"
    assert fault == f"cb.yaml:5: phones.allowed[1]: {phones!r} {expected}"


@pytest.mark.parametrize("end", ["beep: [", "beep: [\n", "beep: [sound:beep,\n\n", "phones: {\n"])
def test_a_file_that_ends_within_a_bracket_says_so(write: Write, end: str) -> None:
    """As after half a copy."""
    path = write()
    path.write_text(path.read_text() + end)
    (said,) = told(path)
    assert "a quote, bracket or brace is opened and not closed" in said


def test_odd_signs_within_texts_are_texts(write: Write) -> None:
    written = write(("name: 王小明", "name: 王：小:\u00a0明"))
    assert right(written).agents["0101"].name == "王：小:\u00a0明"


def test_the_configuration_that_the_others_spoil_is_right(write: Write) -> None:
    assert right(write()).warnings == ()


ALERTS = "alerts: {webhook: {url: https://a/, secret: 0123456789abcdef}}"
DOUBTFUL = [
    ("passwords in the open", ("skills: [", f"http: {{host: 0.0.0.0}}\nusers: {{maria: {{role: admin, password: '{HASH}'}}}}\nskills: ["), "cb.yaml:5: http.host: users would send their passwords unencrypted (hint: add http.tls, or serve https by a proxy that http.trusted_proxies names)"),
    ("nothing", ("  general:\n", "  general:\n    wrap_up:\n"), "cb.yaml:15: queues.general.wrap_up: has no value: the default is used (hint: give a value, or remove the line)"),
    ("long", ("  general:\n", "  general:\n    wrap_up: 12000\n"), "cb.yaml:15: queues.general.wrap_up: 3h20m is very long: the agent gets no call during it"),
    ("long rest", ("  general:\n", "  general:\n    no_answer: {rest: 9000}\n"), "cb.yaml:15: queues.general.no_answer.rest: 2h30m is very long: the agent gets no call during it"),
    ("long pause", ("  general:\n", "  general:\n    offline: {not_ready: rona, return_after: 20h}\n"), "cb.yaml:15: queues.general.offline.return_after: 20h is very long: the agent gets no call during it"),
    ("long notes", ("  general:\n", "  general:\n    wrap_up_most: 30h\n"), "cb.yaml:15: queues.general.wrap_up_most: 30h is very long: the agent gets no call during it"),
    ("long step", ("for: 90s", "for: 9000"), "cb.yaml:12: queues.support.steps[1].for: 2h30m is very long: no caller waits until then"),
    ("long wait", ("  general:\n", "  general:\n    overflow: [{when: {waited: 12000}, dialplan: 'a,b', reason: r}]\n"), "cb.yaml:15: queues.general.overflow[0].when.waited: 3h20m is very long: no caller waits until then"),
    ("short ring", ("  general:\n", "  general:\n    ring_for: 1\n"), "cb.yaml:15: queues.general.ring_for: 1s is very short: nobody reaches a phone in that time"),
    ("no music", ("  general:\n", "  general:\n    announce: {periodic: [sound:x], periodic_every: 1s}\n"), "cb.yaml:15: queues.general.announce.periodic_every: 1s is very short: callers hear hardly any music"),
    ("long wait for audio", ("  general:\n", "  general:\n    wait_for_audio: 5m\n"), "cb.yaml:15: queues.general.wait_for_audio: 5m is very long: a caller on a line with silence suppression waits that long even if an agent is free"),
    ("short wait for audio", ("  general:\n", "  general:\n    wait_for_audio: 5s\n"), "cb.yaml:15: queues.general.wait_for_audio: 5s is short: Asterisk gives up a caller who never acknowledged its answer after 32s (hint: use 35s, or 0 to switch it off)"),
    ("avoid", ("  general:\n", "  general:\n    avoid: {value: avoid}\n"), "cb.yaml:15: queues.general.avoid: callers of queue general wait for ever while nobody is on duty but agents to be avoided (hint: add for: 5m, or an overflow rule such as {when: {agents: 0}, queue: general})"),
    ("target", ("  general:\n", "  general:\n    target: {answer_within: 1h}\n"), "cb.yaml:15: queues.general.target.answer_within: 1h is very long for a target"),
    ("chan_sip", ("PJSIP/1002", "SIP/1002"), "cb.yaml:18: agents.ann.phone: SIP/1002 is a phone of chan_sip, which Asterisk 21 no longer has (hint: a phone of pjsip.conf is PJSIP/1002)"),
    ("chan_sip among others", ("phone: PJSIP/1002", "phones: [PJSIP/1002, SIP/3]"), "cb.yaml:18: agents.ann.phones[1]: SIP/3 is a phone of chan_sip, which Asterisk 21 no longer has (hint: a phone of pjsip.conf is PJSIP/3)"),
    ("confirm", ("phone: PJSIP/1002, skills: {english: 2}, connect: nailed_up", "phones: [PJSIP/1002, PJSIP/3], confirm: yes, skills: {english: 2}"), "cb.yaml:18: agents.ann.confirm: a voicemail that picks up first silences the agent's other phones (hint: list only the phones of a desk, or leave confirm out)"),
    ("ari", ("8088/ari", "8088"), "cb.yaml:3: pbx[0].ari.url: does not end with /ari, as the address of Asterisk's REST interface does"),
    ("token", ("skills: [", "http: {token: abc}\nskills: ["), "cb.yaml:5: http.token: is easy to guess (hint: use at least 16 characters, such as from `openssl rand -hex 16`)"),
    ("closed", ("skills: [", "calendars: {office: {}}\nskills: ["), 'cb.yaml:5: calendars.office: is never open (hint: add week: {mon-fri: "08:00-18:00"})'),
    ("over", ("skills: [", "calendars: {office: {week: {mon: '08:00-18:00'}, holidays: {2020-12-25: closed}}}\nskills: ["), "cb.yaml:5: calendars.office.holidays: every day is over, the last was 2020-12-25 (hint: add this year's)"),
    ("folder", ("skills: [", "metrics: {recordings: nowhere}\nskills: ["), "cb.yaml:5: metrics.recordings: there is no folder 'nowhere' on this machine (hint: its free disk space is not published)"),
    ("alerts without a history", ("skills: [", f"{ALERTS}\nskills: ["), "cb.yaml:5: alerts: the rule calls_unusual needs a database with the history (hint: add database: {url: sqlite:////var/lib/callbridge/callbridge.db}, or off: [calls_unusual])"),
    ("alerts and no history kept", ("skills: [", f"{ALERTS}\ndatabase: {{url: sqlite:///cb.db}}\nhistory: {{keep: no}}\nskills: ["), "cb.yaml:5: alerts: the rule calls_unusual needs the history, which history: {keep: no} turns off (hint: add off: [calls_unusual])"),
    ("include", ("skills: [", "include: [other.yaml, other.yaml]\nskills: ["), "cb.yaml:5: include[1]: 'other.yaml' is read already: this line changes nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), [pytest.param(*case[1:], id=case[0]) for case in DOUBTFUL])
def test_what_is_rarely_meant_is_a_warning_with_its_place(write: Write, change: tuple[str, str], message: str) -> None:
    pathlib.Path("other.yaml").write_text("beep: sound:beep\n")
    found = right(write(change)).warnings
    assert [one for one in found if not isinstance(one.problem, Sentence)] == []  # the page of a reload says it in Chinese
    assert [one for one in found if one.hint and not isinstance(one.hint, Sentence)] == []
    warnings = [str(warning) for warning in found]
    assert [line for line in warnings if "no entry or overflow leads" not in line] == [message] or message in warnings


def places(kind: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place where the configuration takes a value, with a name for what has names of its own."""
    inner = plain(kind)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        for name, info in inner.model_fields.items():
            yield from places(info.annotation, (*at, info.alias or name))
        return
    yield at
    if typing.get_origin(inner) is dict and len(at) < 6:
        yield from places(typing.get_args(inner)[1], (*at, "one"))


NONSENSE = ["", "x y!", "-1", "1e99", "9" * 400, "${", [], ["", "x y!"], {}, {"x y!": "x y!"}, None]
FOREIGN = re.compile(
    r"Input|Value |[Vv]alidation|should|\^|\\\\|pydantic|instance of|NoneType|\bdict\b|\btuple\b|cannot be used|is written wrongly"
)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_no_message_is_a_validators_own_sentence_or_a_regular_expression(every: int) -> None:
    """Nonsense at every place of the configuration, or at every fifth."""
    seen = 0
    for at in sorted(set(places(Settings)))[::every]:
        for value in NONSENSE:
            document = Document("cb.yaml")
            tree: Any = value
            for part in reversed(at):
                tree = {part: tree}
            document.values.update(tree)
            shape(document)
            for fault in document.faults:
                seen += 1
                said = re.sub(r"not '.*'$", "", fault.problem)
                assert not FOREIGN.search(said), (at, value, fault.problem)
    assert seen > 2000 // every


def test_a_requirement_comes_with_a_picture_below_wide_characters_too(write: Write) -> None:
    path = write(('"english or 中文"', '"(中文 or english"'))
    assert told(path) == [
        "cb.yaml:15: queues.general.steps[0].skills: expected ')' at character 15 of '(中文 or english'\n"
        "    (中文 or english\n"
        "                    ^ expected ')'"
    ]


def test_every_fault_is_told_at_once_even_inside_one_queue(write: Write) -> None:
    path = write(
        ("{queue: general}", "{queue: nowhere}"),
        ("support >= 3", "support >= 9"),
        ('"support", for: 90s', "suport, for: 9q, extra: 1"),
        ("phone: PJSIP/1002, skills: {english", "skills: {engish"),
        ("name: pbx1", "name: a/b"),
    )
    places = [line.split(": ")[0] + " " + line.split(": ")[1] for line in told(path)]
    assert places == [
        "cb.yaml:2 pbx[0].name",
        "cb.yaml:11 queues.support.steps[0].skills",
        "cb.yaml:12 queues.support.steps[1].skills",
        "cb.yaml:12 queues.support.steps[1].for",
        "cb.yaml:12 queues.support.steps[1].extra",
        "cb.yaml:13 queues.support.then.queue",
        "cb.yaml:18 agents.ann.phone",
        "cb.yaml:18 agents.ann.skills.engish",
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"pbx: []\nskills: [caf\xe9]\n", "cb.yaml:2: not UTF-8 text (byte 0xe9) (hint: save the file as UTF-8)"),
        (b"a: 1\nb: \x07\n", "cb.yaml:2: the character U+0007 is not allowed in YAML"),
        (b"- 1\n", "cb.yaml:1: expected sections such as 'queues:'"),
        (b"a: " + b"[" * 200 + b"]" * 200, "cb.yaml:1: nested deeper than 40 levels"),
        (b"a: &a [*a]\n", "cb.yaml:1: an alias that contains itself"),
        (
            b"a: *b\n",
            "cb.yaml:1: a text that begins with '*' means another place of the file in YAML (hint: put the text in quotes)",
        ),
        (b"a: 1\n---\nb: 2\n", "cb.yaml:2: '---' begins a second document, and a file holds one (hint: remove the line)"),
    ],
    ids=["latin-1", "bell", "list", "deep", "self", "undefined", "documents"],
)
def test_a_file_that_cannot_be_read_is_one_line(write: Write, raw: bytes, message: str) -> None:
    path = write()
    path.write_bytes(raw)
    assert told(path) == [message]


@pytest.mark.parametrize("most", [20_000, pytest.param(reader.MAX_VALUES, marks=pytest.mark.slow)])
def test_a_bomb_of_aliases_is_defused_quickly(write: Write, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(reader, "MAX_VALUES", most)
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert [line.partition(" values")[0] for line in told(write(text=bomb))] == [f"cb.yaml:1: more than {most}"]


@pytest.mark.parametrize("name", ["missing.yaml", "empty", "odd\0name"])
def test_a_path_that_leads_nowhere_is_one_line(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    reasons = {"missing.yaml": "no such file or directory", "empty": "no *.yaml file in this folder"}
    [line] = told(tmp_path / name)
    assert line.endswith(reasons.get(name, "embedded null byte"))


def test_a_python_object_in_yaml_is_refused(write: Write) -> None:
    [line] = told(write(("name: 王小明", 'name: !!python/object/apply:os.system ["true"]')))
    assert line.startswith("cb.yaml:17: agents.0101.name: the tag '!!python/object/apply:os.system' is not supported")


def test_values_of_secrets_are_not_repeated(write: Write) -> None:
    path = write(("password: p", "password: [hunter2]"), ("http://127.0.0.1:8088", "http://a:hunter2@:x/"))
    assert "hunter2" not in "".join(told(path))
