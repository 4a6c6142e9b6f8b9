package facts

import (
	"context"
	"log/slog"
	"sync"
)

// Watch tells which of the wanted facts may have changed. Changes that come
// while the receiver is busy are merged into one Set. The channel is closed
// when ctx ends. Nothing ticks: sources are watched by their own events, and
// where the kernel has none, by one timer that runs only while Watch does.
func (g *Gatherer) Watch(ctx context.Context, want Set) <-chan Set {
	ctx = withLogger(ctx, g.opts.Logger)
	out := make(chan Set)
	m := &merger{ready: make(chan struct{}, 1), pending: Set{}}
	g.mu.Lock()
	p := g.plan(want)
	g.mu.Unlock()
	var sources sync.WaitGroup
	wake := func(fs ...fact) { m.add(p.want, fs) }
	for _, c := range p.collectors {
		if w, ok := c.collector.(watcher); ok {
			sources.Go(func() { w.watch(ctx, p.want, wake) })
		}
	}
	if p.local {
		sources.Go(func() { g.local.watch(ctx, func() { m.addID(LocalFacts) }) })
	}
	g.watching.Go(func() {
		defer close(out)
		m.deliver(ctx, out)
		sources.Wait()
	})
	return out
}

// merger gathers changed facts until somebody takes them.
type merger struct {
	ready chan struct{} // holds a token while pending is not empty

	mu      sync.Mutex
	pending Set
}

func (m *merger) add(want []bool, fs []fact) {
	for _, f := range fs {
		if want[f] {
			m.addID(declared[f].ID)
		}
	}
}

func (m *merger) addID(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[id] = true
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take empties m.
func (m *merger) take() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	got := m.pending
	m.pending = Set{}
	return got
}

// deliver hands out what is pending until ctx ends.
func (m *merger) deliver(ctx context.Context, out chan<- Set) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.ready:
		}
		got := m.take()
		if len(got) == 0 {
			continue
		}
		if !m.send(ctx, out, got) {
			return
		}
	}
}

// send hands out got, with what comes while nobody listens added to it.
func (m *merger) send(ctx context.Context, out chan<- Set, got Set) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case out <- got:
			return true
		case <-m.ready:
			for id := range m.take() {
				got[id] = true
			}
		}
	}
}

// loggerKey is where Watch keeps the logger for what cannot be watched.
type loggerKey struct{}

func withLogger(ctx context.Context, log *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, log)
}

func loggerOf(ctx context.Context) *slog.Logger {
	if log, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return log
	}
	return slog.New(slog.DiscardHandler)
}
