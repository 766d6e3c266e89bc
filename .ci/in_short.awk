# Of each traceback in build/reruns.txt (tests/conftest.py): the test, where it failed in our own code, and what was wrong there.
function say() {
	if (test)
		print test "\n    " (first == last ? last : first " " last) "\n    " substr(wrong, 1, 300)
}
/^== / { say(); test = $0; first = last = wrong = "" }
/^>/ { wrong = "" }
/^E / && !wrong { wrong = $0 }
/^[^ ]+:[0-9]+: / && !/\/lib\/python/ { last = $0; if (!first) first = $0 }
END { say() }
