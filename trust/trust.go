package trust

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where trust reads and keeps its files. The zero value of a field
// means what its comment says.
type Options struct {
	VendorDirs   []string         // vendors.d directories, lowest first; those missing are skipped
	RootDirs     []string         // roots.d directories, lowest first
	StateDir     string           // required: store, floors, revocations
	BaseDir      string           // ownership is checked from here downward; default "/"
	Unprivileged bool             // files may belong to the current user instead of root
	Now          func() time.Time // default time.Now
	NotBefore    func() time.Time // the clock cannot be right before this instant; default none
	Boot         string           // identity of this boot; default the kernel's
	Platform     string           // default the running one, "linux/amd64"
	StoreLimit   int64            // bytes the store may hold; default 16 GiB
	Interpreters []string         // allowed in #! lines; default DefaultInterpreters
	Logger       *slog.Logger     // default slog.Default
}

// Trust decides who vouches for which bytes. It is safe for concurrent use.
type Trust struct {
	opt Options
	log *slog.Logger
	gen atomic.Pointer[Generation]
	mu  sync.Mutex // floors, revocations, and reloads
}
