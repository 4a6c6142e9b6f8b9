// Package arch holds the architecture of lull as data, and checks a source
// tree against it.
//
// The rules, in the order in which they are checked:
//
//   - The top level holds the rooms, the module's files and dotfiles, and
//     nothing else ([TopLevel]).
//   - Imports point one way: cmd → runner → {facts, engine, trust, policies}.
//     Those four import none of each other, and the packages under runner/
//     import none of each other: the runner root composes them ([Import]).
//   - One library has one room: OPA in engine, gopsutil in facts, and so on
//     ([Libraries]). os/exec, and every other way to start a program, is
//     written in runner/execute only, so that what runs is what was verified.
//   - Every package says in its package comment what it is for ([Docs]).
//   - No file carries a note to finish it later, a path of the machine it was
//     written on, or the host of a package registry ([Text]).
//
// A tree is parsed, never built: files for other platforms are checked too.
package arch
