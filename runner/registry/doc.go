// Package registry reads the directories in which packages of the operating
// system leave updaters: <dir>/<updater id>/manifest.json and its payload. A
// directory that appears is to be registered, one that vanishes unregistered.
//
// There are three such directories, as for policies: /usr/lib/lull/updaters for
// the distribution, /run/lull/updaters for this boot and /etc/lull/updaters for
// the administrator. The same id in a later one hides the earlier, and a link
// to /dev/null there masks it, so that an administrator can turn off what a
// package brings without touching its files:
//
//	ln -s /dev/null /etc/lull/updaters/com.example.reader
//
// This package only says what is there and when it has changed. Whether it may
// run is trust's question, and what is registered is the journal's.
package registry
