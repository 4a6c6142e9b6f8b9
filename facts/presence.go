package facts

import (
	"strings"
	"sync"
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
func leastIdle(reports []report) (idle time.Duration, from *origin, why string) {
	proof, first := false, true
	for i := range reports {
		switch r := &reports[i]; r.answer {
		case silent:
			return 0, nil, r.source + ": " + r.why
		case answered:
			if first || r.idle < idle {
				idle, first = r.idle, false
			}
			proof = proof || r.proof
		}
	}
	if !proof {
		return 0, nil, "no input device, terminal, session manager or agent answers, so nobody could be seen"
	}
	return max(0, idle), originOf(reports), ""
}

// origins keeps one origin for each combination of sources, as snapshots share
// them.
var origins struct {
	sync.Mutex
	all []*origin
}

// originOf names the sources that answered: "terminals+boot+input".
func originOf(reports []report) *origin {
	origins.Lock()
	defer origins.Unlock()
	for _, o := range origins.all {
		if named(o.source, reports) {
			return o
		}
	}
	var names []string
	for _, r := range reports {
		if r.answer == answered {
			names = append(names, r.source)
		}
	}
	o := &origin{strings.Join(names, "+"), good}
	if len(origins.all) >= 64 { // users come and go
		clear(origins.all)
		origins.all = origins.all[:0]
	}
	origins.all = append(origins.all, o)
	return o
}

// named reports whether source names just the reports that answered.
func named(source string, reports []report) bool {
	for i := range reports {
		r := &reports[i]
		if r.answer != answered {
			continue
		}
		rest, ok := strings.CutPrefix(source, r.source)
		if !ok || rest != "" && rest[0] != '+' {
			return false
		}
		if source = rest; source != "" {
			source = source[1:]
		}
	}
	return source == ""
}

// anyOfAgents reports whether one is from an agent of a user who is elsewhere.
func anyOfAgents(reports []report) bool {
	for i := range reports {
		if reports[i].agent {
			return true
		}
	}
	return false
}

// withoutAgents appends to out the reports that are not from agents of users
// who are elsewhere.
func withoutAgents(out, reports []report) []report {
	for _, r := range reports {
		if !r.agent {
			out = append(out, r)
		}
	}
	return out
}
