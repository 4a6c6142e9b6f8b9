package runner

import (
	"slices"
	"time"

	"github.com/lullhq/lull/trust"
)

// steps is the way of one update. admit is lull's own copying of the named
// artifacts into the store, restart is a wait for the next boot.
var steps = []string{actionDownload, stepAdmit, actionInstall, actionPrereboot, actionRestart, actionComplete}

// nextStep returns the step after the given one ("" for the first) that this
// manifest and this update have, or "" when nothing is left.
func nextStep(m *trust.Manifest, e scannedEntry, after string) string {
	for _, s := range steps[slices.Index(steps, after)+1:] {
		if hasStep(m, e, s) {
			return s
		}
	}
	return ""
}

func hasStep(m *trust.Manifest, e scannedEntry, step string) bool {
	_, stated := m.Actions[step]
	switch step {
	case stepAdmit:
		_, downloads := m.Actions[actionDownload]
		return e.Document != "" || downloads
	case actionRestart:
		return e.Restart == restartSystem
	case actionPrereboot:
		return stated && e.Restart == restartSystem
	}
	return stated
}

// candidate is one action that could be considered now.
type candidate struct {
	subject
	u  *updater
	up *update // nil for a scan and for an uninstall
	at *attempts
}

// candidates lists what could be considered at now, the most urgent first: of
// each updater its next step and, beside an update that may wait for days, the
// scan that is due, which may find a newer one. It also gives the instant at
// which the passing of time alone makes another one due (zero: none).
func (s *state) candidates(now time.Time, manifest func(*updater) *trust.Manifest) (list []candidate, next time.Time) {
	for _, u := range s.sorted() {
		m := manifest(u)
		if m == nil {
			continue
		}
		c, due := u.candidate(now, m)
		if c != nil {
			list = append(list, *c)
		}
		if c != nil && c.up != nil {
			c, due = u.dueScan(now, m)
			if c != nil {
				list = append(list, *c)
			}
		}
		next = earlier(next, due)
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.urgency(now, manifest) - b.urgency(now, manifest) })
	return list, next
}

// urgency orders candidates: overdue, then security, then the vendor's stated
// priority (1 is first), then whoever was found first.
func (c candidate) urgency(now time.Time, manifest func(*updater) *trust.Manifest) int {
	p := 100
	if m := manifest(c.u); m != nil && m.Priority > 0 {
		p = m.Priority
	}
	switch {
	case c.up == nil:
		return 2000 + p
	case c.up.Deadline != nil && c.up.Deadline.Before(now):
		return p
	case c.up.Security:
		return 1000 + p
	}
	return 2000 + p
}

// candidate picks the one step of u that comes next: an uninstall that was
// asked for, a pending update, a scan that is due.
func (u *updater) candidate(now time.Time, m *trust.Manifest) (*candidate, time.Time) {
	if u.uninstall != nil && u.uninstall.attention == "" && !u.uninstall.gaveUp {
		return &candidate{subject: subject{Updater: u.Updater, Action: actionUninstall}, u: u, at: u.uninstall}, time.Time{}
	}
	if up := u.pending(now); up != nil {
		return &candidate{subject: subject{Updater: u.Updater, Update: up.ID, Action: up.step}, u: u, up: up, at: &up.attempts}, time.Time{}
	}
	return u.dueScan(now, m)
}

// dueScan is the scan when it is due, and else the instant at which it will be.
func (u *updater) dueScan(now time.Time, m *trust.Manifest) (*candidate, time.Time) {
	due := u.scanDue(m)
	if due.IsZero() || due.After(now) {
		return nil, due
	}
	return &candidate{subject: subject{Updater: u.Updater, Action: actionScan}, u: u, at: &u.scan}, time.Time{}
}

// pending returns the update to go on with: the one furthest along, then
// overdue, then security, then the first found.
func (u *updater) pending(now time.Time) *update {
	var best *update
	for _, id := range u.order {
		up := u.updates[id]
		if up == nil || up.phase != phasePending || up.step == "" {
			continue
		}
		if best == nil || up.rank(now) < best.rank(now) {
			best = up
		}
	}
	return best
}

func (up *update) rank(now time.Time) int {
	r := 4 * (len(steps) - slices.Index(steps, up.step))
	switch {
	case up.attempts.retryAt.After(now):
		r += 100 // something else may go first while this one backs off
	case up.Deadline != nil && up.Deadline.Before(now):
		r -= 3
	case up.Security:
		r--
	}
	return r
}

// scanDue returns when u should scan next; zero when its scan needs a person.
func (u *updater) scanDue(m *trust.Manifest) time.Time {
	if u.scan.attention != "" {
		return time.Time{}
	}
	if !u.scan.retryAt.IsZero() {
		return u.scan.retryAt
	}
	if u.scanDone.IsZero() {
		return u.registeredAt
	}
	every, gap := scanEvery(m)
	due := u.scanDone.Add(every)
	if least := u.scanTried.Add(gap); least.After(due) {
		due = least
	}
	return due
}

// scanEvery is how often the updater wishes to scan, and the least gap between
// two tries: a day and a quarter of the period where it states none.
func scanEvery(m *trust.Manifest) (every, gap time.Duration) {
	every, gap = time.Duration(m.Scan.EveryMinutes)*time.Minute, time.Duration(m.Scan.MinGapMinutes)*time.Minute
	if every <= 0 {
		every = 24 * time.Hour
	}
	if gap <= 0 {
		gap = every / 4
	}
	return every, gap
}

// earlier returns the earlier of two instants, zero meaning never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
