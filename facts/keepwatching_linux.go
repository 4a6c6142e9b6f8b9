package facts

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// lookPause is how often what cannot be watched is looked at instead.
const lookPause = 2 * time.Second

// keepWatching watches a source until ctx ends. watch calls up when it is set up
// and returns why it is not, or no longer. Then this is logged once and noted in
// t, and a timer has the facts looked at, and the watch tried again, until it is
// set up: it runs only while there is no watch, and only while somebody waits.
func keepWatching(ctx context.Context, what string, t *troubles, wake func(), watch func(ctx context.Context, up func()) error) {
	keepWatchingEvery(ctx, lookPause, what, t, wake, watch)
}

func keepWatchingEvery(ctx context.Context, pause time.Duration, what string, t *troubles, wake func(), watch func(ctx context.Context, up func()) error) {
	log, down := loggerOf(ctx), false
	defer t.set(&down, "")
	up := func() {
		if down {
			down = false
			t.set(&down, "")
			log.Info("watched again", "source", what)
			wake() // for what went unseen
		}
	}
	for {
		err := watch(ctx, up)
		if ctx.Err() != nil {
			return
		}
		if !down {
			down = true
			log.Warn("cannot be watched; looked at by a timer until it can", "source", what, "error", err)
		}
		t.set(&down, what+" cannot be watched: "+err.Error())
		wake()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// troubles are the watches that somebody waits for and that do not work. The
// nil *troubles keeps none.
type troubles struct {
	news *atomic.Uint64 // counts how often they changed; nil: nobody does

	mu  sync.Mutex
	why map[*bool]string
}

func (t *troubles) set(watch *bool, why string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.news != nil {
		t.news.Add(1)
	}
	if why == "" {
		delete(t.why, watch)
		return
	}
	if t.why == nil {
		t.why = map[*bool]string{}
	}
	t.why[watch] = why
}

// any returns the reason of one of them, "" when all work.
func (t *troubles) any() (why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.why {
		why = max(why, w)
	}
	return why
}
