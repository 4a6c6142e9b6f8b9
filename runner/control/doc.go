// Package control is the local API of the daemon: HTTP with JSON bodies over a
// unix socket, its server, its client and the types of both. A shell can use
// it, too:
//
//	curl --unix-socket /run/lull/control.sock http://lull/v1/status
//
//	GET    /v1/status                         Status
//	GET    /v1/policy                         Policy
//	GET    /v1/updaters                       Updaters
//	GET    /v1/updaters/ID                    Updater
//	GET    /v1/why?updater=ID[&update=U]      Why
//	GET    /v1/facts                          Facts
//	GET    /v1/history?…                      History; from, since (RFC 3339), updater, kind (repeatable), limit
//	GET    /v1/events                         journal records as they are written, one a line
//	POST   /v1/updaters        (a tar)        Registered
//	DELETE /v1/updaters/ID                    Done
//	POST   /v1/updaters/ID/VERB  (Request)    Done; VERB is scan, uninstall, retry, hold, unhold or approve
//
// A failure has a status of 400 or more and an [Error] as its body: a code, a
// message and, where one helps, a hint with what to do next. Within v1, answers
// only gain members and requests with unknown members are refused.
//
// # Rights
//
// The kernel says who connected (SO_PEERCRED on Linux, LOCAL_PEERCRED on
// macOS). Root, the daemon's own user and the members of group lull may do
// everything. The user of the active session at the machine itself may also
// hold, unhold and approve. Everybody may read, but for the journal (history
// and events) and for the facts about people (presence), which are left out.
// Where the system does not vouch for the peer, nobody may change anything.
//
// # Bounds
//
// A request other than a package is at most 64 KiB and 30 seconds; a package
// is at most 4 GiB and 15 minutes, and trust has its own, lower bounds. A user
// has at most 32 connections, so that nobody can shut out the administrator. A
// reader of events that stops reading is dropped after 10 seconds.
package control
