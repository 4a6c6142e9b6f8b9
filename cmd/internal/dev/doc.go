// Dev is the contributors' command of lull; it is never shipped.
//
//	go run ./cmd/internal/dev check [-list] [STAGE...]
//	go run ./cmd/internal/dev gen [-check]
//	go run ./cmd/internal/dev targets [-o text|json] [NAME...]
//	go run ./cmd/internal/dev tools [-dir]
//
// Check is the whole gate, the one that a change must pass: formatting,
// building for every platform, linters, tests, races, policies under stock
// opa, short fuzzing, allocation gates, generated files, and the README's
// first command. Each stage can be run alone by its name.
//
// Gen writes the files that are made from code (every test with a flag -update),
// or with -check tells which are out of date.
//
// Targets measures on this machine what lull promises to cost, beside the
// peers that it is compared with.
//
// Tools installs the pinned tools of the gate into the user's cache, once, and
// prints the directory to put on PATH.
package main
