package execute

import "time"

// orders is what the daemon hands to the supervisor, and the supervisor to the
// launcher: everything that is decided before the first process starts.
type orders struct {
	ID          string
	Path        string   // the program, absolute
	Args        []string // with argv[0]
	Env         []string
	Places      places
	Write       []string
	Network     bool
	Limit       time.Duration
	Memory      int64
	Tasks       int
	CPU, IO     Impact
	Idempotent  bool
	OutputLimit int64
	LogLimit    int64
	UID         int  // of the program; 0 leaves it as it is
	Log         bool // fdLog of the supervisor is the log file
	IDMap       bool // fdIDMap of the supervisor is a user namespace that shows root's files as UID's

	// What the processes were cloned into, true as far as the kernel agreed.
	UserNS, PIDNS, MountNS, NetNS bool
	Cgroup                        string            // the attempt's own, "" without
	Controllers                   []string          // that it has
	Missing                       map[string]string // layer → why it is not in force
}

// lack notes why a layer is not in force; the first reason stays.
func (o *orders) lack(layer, why string) {
	if o.Missing == nil {
		o.Missing = map[string]string{}
	}
	if o.Missing[layer] == "" {
		o.Missing[layer] = why
	}
}
