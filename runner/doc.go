// Package runner composes the rooms into lull's daemon.
//
// One goroutine, the loop, owns all state. Everything else, a control
// request, the end of a process, a changed file, a changed fact, is a function
// sent to it. State is the fold of the journal: a record is on disk before
// anything that adds work or authority happens, so a kill -9 at any moment
// loses nothing that was acknowledged.
//
// The way of one action:
//
//	candidate  the journal says what comes next for each updater
//	decide     facts → input document → engine, on facts alone
//	verify     trust says whether these bytes may still run
//	decide     once more, with trust's answer and fresh facts
//	start      journal "started", then execute, confined
//	watch      the user returns: reflex freezes at once, the loop records it
//	finish     journal "finished", then the next step
//
// Waiting costs nothing: the loop sleeps until an event or until the instant
// the engine names as the next at which a verdict can change.
package runner
