package config

import (
	"os"
	"path/filepath"
	"strings"
)

// Paths says where everything is. The lists are lowest first: what a later
// directory says wins.
type Paths struct {
	Root        string   // "" for the system, else the DIR of --root, absolute
	ConfigFiles []string // config.yaml
	PolicyDirs  []string // policies
	VendorDirs  []string // vendors.d
	RootDirs    []string // roots.d: sigstore trusted roots
	UpdaterDirs []string // updaters: drop-in packages
	FactsLocal  string   // facts.d: the administrator's own facts
	FactTypes   []string // facts.d: the types of these facts
	State       string   // journal, store, per-updater state, revocations
	Runtime     string   // what a reboot may take away
	Socket      string   // control.sock
	AgentSocket string   // agent.sock: where per-user agents report presence
	FactsLog    string   // directory of the recorded facts
}

// ResolvePaths returns the system's paths, or with a root those below it. On
// the system, systemd's CONFIGURATION_DIRECTORY, STATE_DIRECTORY and
// RUNTIME_DIRECTORY override /etc/lull, /var/lib/lull and /run/lull.
func ResolvePaths(root string) Paths {
	etc, state, run := "/etc/lull", "/var/lib/lull", "/run/lull"
	if root == "" {
		etc = firstDir("CONFIGURATION_DIRECTORY", etc)
		state = firstDir("STATE_DIRECTORY", state)
		run = firstDir("RUNTIME_DIRECTORY", run)
	} else if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	p := Paths{Root: root}
	layers := []string{p.Host("/usr/lib/lull"), p.Host(run), p.Host(etc)}
	for _, l := range layers {
		p.ConfigFiles = append(p.ConfigFiles, filepath.Join(l, "config.yaml"))
		p.PolicyDirs = append(p.PolicyDirs, filepath.Join(l, "policies"))
		p.VendorDirs = append(p.VendorDirs, filepath.Join(l, "vendors.d"))
		p.UpdaterDirs = append(p.UpdaterDirs, filepath.Join(l, "updaters"))
	}
	p.Runtime, p.State = p.Host(run), p.Host(state)
	for _, l := range []string{layers[0], p.State, layers[1], layers[2]} { // an administrator's own root hides a refreshed one
		p.RootDirs = append(p.RootDirs, filepath.Join(l, "roots.d"))
	}
	for _, l := range []string{layers[0], layers[2]} { // what facts are does not change while the machine runs
		p.FactTypes = append(p.FactTypes, filepath.Join(l, "facts.d"))
	}
	p.FactsLocal = filepath.Join(p.Runtime, "facts.d")
	p.Socket = filepath.Join(p.Runtime, "control.sock")
	p.AgentSocket = filepath.Join(p.Runtime, "agent.sock")
	p.FactsLog = filepath.Join(p.State, "facts")
	return p
}

// StateRoots is the one of RootDirs that `lull trust refresh` writes to.
func (p Paths) StateRoots() string { return filepath.Join(p.State, "roots.d") }

// firstDir returns the first of the colon-separated directories that systemd
// set in the environment.
func firstDir(name, fallback string) string {
	if dir, _, _ := strings.Cut(os.Getenv(name), ":"); filepath.IsAbs(dir) {
		return dir
	}
	return fallback
}

// Base is the directory from which downward ownership is checked.
func (p Paths) Base() string {
	if p.Root == "" {
		return string(filepath.Separator)
	}
	return p.Root
}

// Host returns where an absolute path of the system lies under this root. A
// path that is below the root already is left as it is.
func (p Paths) Host(path string) string {
	if p.Root == "" || path == p.Root || strings.HasPrefix(path, p.Root+string(filepath.Separator)) {
		return filepath.FromSlash(path)
	}
	return filepath.Join(p.Root, filepath.FromSlash(path))
}
