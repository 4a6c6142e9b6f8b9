package runner

import (
	"math/rand/v2"
	"time"

	"github.com/lullhq/lull/trust"
)

// Retry defaults where a manifest states none, CONTRACTS section 3.
const (
	defaultAttempts   = 5
	defaultInitial    = 10 * time.Minute
	defaultMaxBackoff = 24 * time.Hour
	maxContinues      = 8 // "this step again", CONTRACTS section 5
)

// backoff returns when to try again after the n-th failure (n from 1), and
// whether there is another try at all. The delay doubles from the stated
// initial one up to the stated maximum; half of it is random, so that the
// machines of a fleet that failed together do not return together.
func backoff(m *trust.Manifest, n int, now time.Time) (time.Time, bool) {
	attempts, initial, limit := defaultAttempts, defaultInitial, defaultMaxBackoff
	if r := m.Retry; r.MaxAttempts > 0 {
		attempts = r.MaxAttempts
	}
	if r := m.Retry; r.InitialSeconds > 0 {
		initial = time.Duration(r.InitialSeconds) * time.Second
	}
	if r := m.Retry; r.MaxSeconds > 0 {
		limit = time.Duration(r.MaxSeconds) * time.Second
	}
	if n >= attempts {
		return time.Time{}, false
	}
	d := initial
	for i := 1; i < n && d < limit; i++ {
		d *= 2
	}
	d = min(d, limit)
	return now.Add(d/2 + rand.N(d/2+1)), true
}
