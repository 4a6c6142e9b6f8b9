package facts

import (
	"strings"
	"time"
)

// report is what one source says about when somebody last used the machine.
type report struct {
	source string
	answer answer
	idle   time.Duration // when answered: never longer than the true time since the last input there
	why    string        // when silent
	proof  bool          // answered, and it would see a person who sits here
	agent  bool          // comes from the agent of a user who is not at the machine
}

type answer uint8

const (
	nothing  answer = iota // there is nothing to watch: no input device, no terminal
	answered               // idle counts
	silent                 // it is expected to answer and does not
)

// leastIdle combines reports to the time since the last use: the least that
// any source says. It is unknown, with the reason, when an expected source is
// silent, or when no source could have seen a person.
func leastIdle(reports []report) (idle time.Duration, source, why string) {
	proof, first := false, true
	var names []string
	for _, r := range reports {
		switch r.answer {
		case silent:
			return 0, "", r.source + ": " + r.why
		case answered:
			if first || r.idle < idle {
				idle, first = r.idle, false
			}
			proof = proof || r.proof
			names = append(names, r.source)
		}
	}
	if !proof {
		return 0, "", "no input device, terminal, session manager or agent answers, so nobody could be seen"
	}
	return max(0, idle), strings.Join(names, "+"), ""
}

// withoutAgents leaves out what agents of users say who are not at the machine.
func withoutAgents(reports []report) []report {
	var out []report
	for _, r := range reports {
		if !r.agent {
			out = append(out, r)
		}
	}
	return out
}
