package control

import "slices"

// urgency orders the states of updates: what a person should hear of first.
var urgency = []State{NeedsAttention, Failed, Broken, Running, Frozen, Verifying, Denied, Held, Waiting, AwaitsRestart}

// StateOf is the one word for several updates: the most urgent of their states.
// It is Installed only if at least one is installed and none is anything but
// installed or gone, and Idle if there is nothing to tell.
func StateOf(updates []Update) State {
	if len(updates) == 0 {
		return Idle
	}
	for _, s := range urgency {
		if slices.ContainsFunc(updates, func(u Update) bool { return u.State == s }) {
			return s
		}
	}
	installed := false
	for _, u := range updates {
		switch u.State {
		case Installed:
			installed = true
		case Gone, Idle:
		default:
			return NeedsAttention // a state that this version does not know
		}
	}
	if installed {
		return Installed
	}
	return Idle
}
