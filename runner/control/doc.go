// Package control is the local API of the daemon: HTTP with JSON bodies over a
// unix socket, its server, its client and the types of both.
//
//	GET    /v1/status                         Status
//	GET    /v1/why?updater=ID[&update=U]      Why
//	GET    /v1/facts                          Facts
//	GET    /v1/events                         journal records as they are written, one a line
//	POST   /v1/updaters        (a tar)        Registered
//	DELETE /v1/updaters/ID                    Done
//	POST   /v1/updaters/ID/VERB  (Request)    Done; VERB is scan, uninstall, retry, hold, unhold or approve
//
// A failure has a status of 400 or more and an [Error] as its body. Reads are
// for everybody; the rest is for root, the daemon's own user and group lull,
// told by the peer's credentials that the kernel vouches for.
package control
