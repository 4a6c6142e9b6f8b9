package arch

import (
	"path"
	"slices"
	"strings"
)

// Module is the module path that all rooms live below.
const Module = "github.com/lullhq/lull"

// TopLevelNames are the only names allowed in the root of the repository,
// beside dotfiles. All of them must be there.
var TopLevelNames = []string{
	"LICENSE", "README.md", "cmd", "engine", "facts", "go.mod", "go.sum",
	"policies", "policytests", "runner", "trust",
}

// base are the rooms at the bottom: they know nothing of each other.
var base = []string{"engine", "facts", "policies", "trust"}

// A Library is something from outside the module that has a room of its own.
type Library struct {
	Path  string   // import path, with everything below it
	Rooms []string // directories of the module, with everything below them
	Tests bool     // tests of every room may use it too
	Why   string   // what the rule protects, shown with a violation
}

// devRoom holds the contributors' commands, which are never shipped.
const devRoom = "cmd/internal/dev"

// Libraries are the rules "one library has one room". The linter
// configuration mirrors them for editors; a test keeps the two equal.
var Libraries = []Library{
	{Path: "github.com/open-policy-agent/opa", Rooms: []string{"engine", "policytests"},
		Why: "only the engine decides, so only the engine knows the policy language"},
	{Path: "github.com/shirou/gopsutil", Rooms: []string{"facts"},
		Why: "what is true of the machine is measured in one place"},
	{Path: "github.com/sigstore/sigstore", Rooms: []string{"trust"}, Tests: true,
		Why: "only trust vouches for bytes"},
	{Path: "github.com/sigstore/sigstore-go", Rooms: []string{"trust"}, Tests: true,
		Why: "only trust vouches for bytes"},
	{Path: "github.com/fsnotify/fsnotify", Rooms: []string{"runner/watch"},
		Why: "directories that reload are watched by one recipe"},
	{Path: "github.com/godbus/dbus", Rooms: []string{"facts", "runner/execute", "runner/keepawake"}, Tests: true,
		Why: "a bus that hangs is cut at a deadline only where a room is made for it"},
	{Path: "github.com/jezek/xgb", Rooms: []string{"facts"},
		Why: "presence is a fact"},
	{Path: "github.com/ebitengine/purego", Rooms: []string{"facts"},
		Why: "macOS's frameworks are called only to ask what is true of the machine"},
	{Path: "github.com/spf13/cobra", Rooms: []string{"cmd/internal/cli"},
		Why: "commands are written in one room"},
	{Path: "os/exec", Rooms: []string{"runner/execute", "trust/internal/mutants", devRoom}, Tests: true,
		Why: "only a verified handle may start a process"},
}

// Starters are the functions that start a program without os/exec; they
// belong to runner/execute like os/exec itself.
var Starters = map[string][]string{
	"os":                    {"StartProcess"},
	"syscall":               {"Exec", "ForkExec", "StartProcess"},
	"golang.org/x/sys/unix": {"Exec"},
}

// Import says why the file in directory dir may not import pkg, or "" where
// it may. dir is relative to the root, with slashes; test tells whether the
// file is compiled into tests only.
func Import(dir string, test bool, pkg string) string {
	if own, ok := strings.CutPrefix(pkg, Module+"/"); ok {
		return room(dir, test, own)
	}
	for _, l := range Libraries {
		if below(pkg, l.Path) && !inside(dir, l.Rooms) && (!l.Tests || !test) {
			return "belongs to " + strings.Join(l.Rooms, ", ") + ": " + l.Why
		}
	}
	return ""
}

// room checks one import between two directories of the module.
func room(dir string, test bool, to string) string {
	from, target := top(dir), top(to)
	switch {
	case unit(dir) == unit(to):
		return "" // a room and its own parts
	case target == "cmd":
		return "imports point from cmd to the rooms, never back"
	case target == "policytests":
		return "policytests is imported by nothing"
	case test || from == "policytests" || from == "cmd" || dir == "runner":
		return ""
	case slices.Contains(base, from):
		return from + " knows only itself; the runner composes"
	case target == "runner":
		return "packages under runner import none of each other; the runner root composes"
	}
	return ""
}

// unit is the part of the tree within which imports are free.
func unit(dir string) string {
	if rest, ok := strings.CutPrefix(dir, "runner/"); ok {
		return "runner/" + top(rest)
	}
	return top(dir)
}

func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// below tells whether the import path or directory p is root or lies under it.
// A major-version suffix counts as lying under.
func below(p, root string) bool {
	return p == root || strings.HasPrefix(p, root+"/")
}

func inside(dir string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return below(path.Clean(dir), r) })
}
