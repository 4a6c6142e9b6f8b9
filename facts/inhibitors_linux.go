package facts

import (
	"context"
	"math"
	"strings"
)

// inhibitorCollector lists logind's blocking inhibitors.
type inhibitorCollector struct{ bus *bus }

func (*inhibitorCollector) facts() []fact { return inhibitorFacts }

var inhibitorFacts = []fact{inhibitShutdown, inhibitSleep, inhibitHolders}

// ownName is what lull calls itself when it inhibits.
const ownName = "lull"

func (i *inhibitorCollector) collect(ctx context.Context, b *batch) {
	if b.unchanged(i.bus.version(b.now.awake), math.MaxInt64, inhibitorFacts) {
		return
	}
	l, err := i.bus.logind(ctx)
	if err != nil {
		b.unknownAll(err.Error(), inhibitorFacts...)
		return
	}
	b.bool(inhibitShutdown, l.inhibited("shutdown"), fromLogind)
	b.bool(inhibitSleep, l.inhibited("sleep"), fromLogind)
	if b.wants(inhibitHolders) {
		b.list(inhibitHolders, l.holders(), fromLogind)
	}
}

// foreign reports whether an inhibitor blocks something and is not lull's own.
// Keys that desktops take for themselves (handle-power-key and the like) block
// nothing.
func (i *inhibitor) foreign() bool { return i.Who != ownName && strings.HasPrefix(i.Mode, "block") }

func (i *inhibitor) blocks(what string) bool {
	for w := range strings.SplitSeq(i.What, ":") {
		if w == what {
			return true
		}
	}
	return false
}

func (l *logindState) inhibited(what string) bool {
	for i := range l.Inhibitors {
		if h := &l.Inhibitors[i]; h.foreign() && h.blocks(what) {
			return true
		}
	}
	return false
}

func (l *logindState) holders() []string {
	out := []string{}
	for i := range l.Inhibitors {
		if h := &l.Inhibitors[i]; h.foreign() && (h.blocks("shutdown") || h.blocks("sleep") || h.blocks("idle")) {
			out = append(out, h.What+": "+h.Who)
		}
	}
	sortStrings(out)
	return out
}

func (*inhibitorCollector) close() error { return nil }

func (i *inhibitorCollector) watch(ctx context.Context, _ []bool, wake func(...fact)) {
	i.bus.watch(ctx, logindName, func() { wake(inhibitorFacts...) })
}
