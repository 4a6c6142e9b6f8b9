package facts

import (
	"slices"
	"strings"
	"time"
)

// busyWatch remembers since when each reason not to disturb holds.
type busyWatch struct{ since map[string]time.Duration }

var fromBusy = &origin{"logind, sound, agents", good}

// look takes in the reasons that hold now and returns the age of the newest.
func (w *busyWatch) look(now time.Duration, reasons map[string]time.Duration) time.Duration {
	since := map[string]time.Duration{}
	newest := time.Duration(-1)
	for key, age := range reasons {
		at, ok := w.since[key]
		if !ok || now-age < at {
			at = now - age
		}
		since[key] = at
		if newest < 0 || now-at < newest {
			newest = now - at
		}
	}
	w.since = since
	return newest
}

// describe lists the reasons by whom and for how long, so that one that was
// never released can be seen.
func (w *busyWatch) describe(now time.Duration) string {
	keys := reasonKeys(w.since)
	for i, key := range keys {
		keys[i] += " for " + (now - w.since[key]).Truncate(time.Second).String()
	}
	return strings.Join(keys, "; ")
}

// collectBusy finds the reasons not to disturb.
func (p *presenceCollector) collectBusy(b *batch, l *logindState, err error, told []agentReport) {
	if !b.wantsAny(busy, busySeconds) {
		return
	}
	if err != nil && (!absent(err) || p.hasDisplay()) {
		b.unknownAll(err.Error(), busy, busySeconds)
		return
	}
	reasons := p.busyReasons(l, told)
	if why := unheard(told); why != "" && len(reasons) == 0 {
		b.unknownAll(why, busy, busySeconds)
		return
	}
	newest := p.busy.look(b.now.boot, reasons)
	b.list(busy, reasonNames(reasons), fromBusy)
	b.remark(busy, p.busy.describe(b.now.boot))
	if len(reasons) == 0 {
		b.notApplicable(busySeconds, "nothing is busy")
		return
	}
	b.seconds(busySeconds, newest, fromBusy)
}

// unheard says which agent that should tell its session's reasons does not, ""
// when all do: what it would say is not known to be nothing.
func unheard(told []agentReport) string {
	for _, t := range told {
		switch {
		case t.name != "":
			return t.name + ": " + t.why
		case t.why != "":
			return "the agent of user " + t.user() + " does not answer: " + t.why
		}
	}
	return ""
}

// busyReasons maps "reason by whom" to the age its source knows of, 0 when it
// does not know any.
func (p *presenceCollector) busyReasons(l *logindState, told []agentReport) map[string]time.Duration {
	reasons := map[string]time.Duration{}
	if l != nil {
		for _, i := range l.others() {
			if i.blocks("idle") {
				reasons[busyDisplay+" by "+i.Who] = 0
			}
		}
	}
	if p.recording() {
		reasons[busyCall+" by a sound capture"] = 0
	}
	for _, t := range told {
		for reason, age := range t.busy {
			reasons[reason+" by the agent of user "+t.user()] = age
		}
	}
	return reasons
}

func reasonKeys(reasons map[string]time.Duration) []string {
	keys := make([]string, 0, len(reasons))
	for key := range reasons {
		keys = append(keys, key)
	}
	sortStrings(keys)
	return keys
}

func reasonNames(reasons map[string]time.Duration) []string {
	names := reasonKeys(reasons)
	for i, key := range names {
		names[i], _, _ = strings.Cut(key, " ")
	}
	return slices.Compact(names)
}

// recording reports whether a microphone is in use (ALSA's procfs).
func (p *presenceCollector) recording() bool {
	for _, card := range p.root.list("/proc/asound") {
		if !strings.HasPrefix(card, "card") || card == "cards" {
			continue
		}
		for _, pcm := range p.root.list("/proc/asound/" + card) {
			if strings.HasPrefix(pcm, "pcm") && strings.HasSuffix(pcm, "c") && p.running("/proc/asound/"+card+"/"+pcm) {
				return true
			}
		}
	}
	return false
}

func (p *presenceCollector) running(pcm string) bool {
	for _, sub := range p.root.list(pcm) {
		if strings.Contains(p.root.slurp(pcm+"/"+sub+"/status"), "state: RUNNING") {
			return true
		}
	}
	return false
}

// hasDisplay reports whether a screen is connected.
func (p *presenceCollector) hasDisplay() bool {
	for _, name := range p.root.list("/sys/class/drm") {
		if p.root.slurp("/sys/class/drm/"+name+"/status") == "connected" {
			return true
		}
	}
	return false
}
