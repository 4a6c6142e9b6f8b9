package trust

import "time"

// Manifest is manifest.json of an updater package: the document a vendor signs
// to have programs run. Everything that decides what runs is in it; nothing
// is taken from unsigned places.
type Manifest struct {
	APIVersion  string            `json:"apiVersion"` // "lull/v1"
	Kind        string            `json:"kind"`       // "Updater"
	ID          string            `json:"id"`         // reverse domain name, "com.example.reader"
	Vendor      string            `json:"vendor"`     // name of the vendor file
	Version     string            `json:"version"`    // SemVer, "3.1.0"
	DisplayName string            `json:"display_name,omitempty"`
	Component   string            `json:"component"` // "user_mode_app" or "system_packages"
	Platform    string            `json:"platform"`  // "linux/amd64", or "any" for scripts
	Created     time.Time         `json:"created"`
	Expires     time.Time         `json:"expires"`
	Priority    int               `json:"priority,omitempty"` // 1..1000, lower first; 0 means 100
	Payload     []File            `json:"payload"`
	Scan        Scan              `json:"scan"`
	Actions     map[string]Action `json:"actions"` // by kind: download, install, complete, uninstall, prereboot, restart
	Sandbox     Sandbox           `json:"sandbox,omitzero"`
	Retry       Retry             `json:"retry,omitzero"`
}

// File is one payload file of a package.
type File struct {
	Path   string `json:"path"`   // slash-separated, relative to the package
	SHA256 string `json:"sha256"` // 64 lower-case hex digits
	Size   int64  `json:"size"`   // bytes
	Mode   string `json:"mode,omitempty"`
}

// Executable tells whether the file may be a program (mode "exec").
func (file File) Executable() bool { return file.Mode == ModeExec }

// runs reports whether the scan or an action starts the payload file name.
func (m *Manifest) runs(name string) bool {
	starts := func(exec []string) bool { return len(exec) > 0 && exec[0] == name }
	for _, a := range m.Actions {
		if starts(a.Exec) {
			return true
		}
	}
	return starts(m.Scan.Exec)
}

// The modes of a payload file; "" means ModeData.
const (
	ModeExec = "exec"
	ModeData = "data"
)

// Scan says how the updater looks for updates.
type Scan struct {
	Exec            []string `json:"exec"`                      // payload path, then arguments
	EveryMinutes    int      `json:"every_minutes,omitempty"`   // wished interval; 0 means 1440
	MinGapMinutes   int      `json:"min_gap_minutes,omitempty"` // never more often; 0 means EveryMinutes/4
	MaxSeconds      int      `json:"max_seconds,omitempty"`     // 0: the runner's limit
	RequiresNetwork bool     `json:"requires_network,omitempty"`
}

// Action is one step of an update.
type Action struct {
	Exec             []string `json:"exec"`
	RequiresNetwork  bool     `json:"requires_network,omitempty"`
	DiskBytes        int64    `json:"disk_bytes,omitempty"`
	Pausable         bool     `json:"pausable,omitempty"`
	Exclusive        bool     `json:"exclusive,omitempty"`
	Idempotent       bool     `json:"idempotent,omitempty"` // may simply run again after a crash
	MaxSeconds       int      `json:"max_seconds,omitempty"`
	EstimatedSeconds int      `json:"estimated_seconds,omitempty"`
}

// Sandbox says what the programs need beyond reading.
type Sandbox struct {
	Write       []string `json:"write,omitempty"`        // absolute directories
	Network     []string `json:"network,omitempty"`      // kinds that may use the network
	MemoryBytes int64    `json:"memory_bytes,omitempty"` // 0: the runner's default
	Tasks       int      `json:"tasks,omitempty"`        // 0: the runner's default
}

// Retry says how a failed action is tried again.
type Retry struct {
	MaxAttempts    int `json:"max_attempts,omitempty"`
	InitialSeconds int `json:"initial_seconds,omitempty"`
	MaxSeconds     int `json:"max_seconds,omitempty"`
}

// UpdateDocument is the signed statement of what one update brings.
type UpdateDocument struct {
	APIVersion string     `json:"apiVersion"` // "lull/v1"
	Kind       string     `json:"kind"`       // "Update"
	Updater    string     `json:"updater"`
	ID         string     `json:"id"`
	Version    string     `json:"version"`
	Platform   string     `json:"platform"`
	Created    time.Time  `json:"created"`
	Expires    time.Time  `json:"expires"`
	Artifacts  []Artifact `json:"artifacts"`
}

// Artifact is one file that a download brings.
type Artifact struct {
	Name   string `json:"name"` // relative to the staging directory
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}
