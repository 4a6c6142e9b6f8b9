package facts

import (
	"context"
	"slices"
	"strings"
)

// inhibitorCollector lists logind's blocking inhibitors.
type inhibitorCollector struct{ bus *bus }

func (*inhibitorCollector) facts() []fact { return inhibitorFacts }

var inhibitorFacts = []fact{inhibitShutdown, inhibitSleep, inhibitHolders}

// ownName is what lull calls itself when it inhibits.
const ownName = "lull"

func (i *inhibitorCollector) collect(ctx context.Context, b *batch) {
	l, err := i.bus.logind(ctx)
	if err != nil {
		b.unknownAll(err.Error(), inhibitorFacts...)
		return
	}
	b.bool(inhibitShutdown, l.inhibited("shutdown"), fromLogind)
	b.bool(inhibitSleep, l.inhibited("sleep"), fromLogind)
	b.list(inhibitHolders, l.holders(), fromLogind)
}

// others are the blocking inhibitors that are not lull's own. Keys that
// desktops take for themselves (handle-power-key and the like) block nothing.
func (l *logindState) others() []inhibitor {
	var out []inhibitor
	for _, i := range l.Inhibitors {
		if i.Who != ownName && strings.HasPrefix(i.Mode, "block") {
			out = append(out, i)
		}
	}
	return out
}

func (i inhibitor) blocks(what string) bool { return slices.Contains(strings.Split(i.What, ":"), what) }

func (l *logindState) inhibited(what string) bool {
	return slices.ContainsFunc(l.others(), func(i inhibitor) bool { return i.blocks(what) })
}

func (l *logindState) holders() []string {
	out := []string{}
	for _, i := range l.others() {
		if i.blocks("shutdown") || i.blocks("sleep") || i.blocks("idle") {
			out = append(out, i.What+": "+i.Who)
		}
	}
	sortStrings(out)
	return out
}

func (*inhibitorCollector) close() error { return nil }

func (i *inhibitorCollector) watch(ctx context.Context, _ []bool, wake func(...fact)) {
	i.bus.watch(ctx, logindName, func() { wake(inhibitorFacts...) })
}
