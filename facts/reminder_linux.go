package facts

import (
	"context"
	"sync"
	"time"
)

// reminder has whoever watches look again after a while, for what ends without
// an event. Its timer runs only after a look that asked for it, and only while
// somebody watches. The zero value is ready.
type reminder struct {
	mu     sync.Mutex
	wakers map[*func()]bool
	timer  *time.Timer // nil: not armed
}

// watch has wake called each time until ctx ends.
func (r *reminder) watch(ctx context.Context, wake func()) {
	r.mu.Lock()
	if r.wakers == nil {
		r.wakers = map[*func()]bool{}
	}
	r.wakers[&wake] = true
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.wakers, &wake)
	if len(r.wakers) == 0 && r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// arm has them look once after the given time, unless that is arranged already.
func (r *reminder) arm(after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wakers) == 0 || r.timer != nil {
		return
	}
	r.timer = time.AfterFunc(after, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.timer = nil
		for wake := range r.wakers {
			(*wake)()
		}
	})
}
