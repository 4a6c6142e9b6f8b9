package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/runner/journal"
)

// Kinds of action, DESIGN "Words".
const (
	actionScan      = "scan"
	actionDownload  = "download"
	actionInstall   = "install"
	actionUninstall = "uninstall"
	actionPrereboot = "prereboot"
	actionRestart   = "restart"
	actionComplete  = "complete"
)

// stepAdmit is what lull itself does between download and install: it copies
// the named artifacts into the store while hashing. It runs no program of the
// vendor's, so no decision is asked for it.
const stepAdmit = "admit"

// phase says where an update is. Only phaseInstalled means installed.
type phase string

const (
	phasePending   phase = "pending" // waiting for its next step
	phaseRunning   phase = "running"
	phaseFrozen    phase = "frozen"
	phaseRestart   phase = "awaiting_restart"
	phaseInstalled phase = "installed"
	phaseFailed    phase = "failed" // no attempt is left
	phaseAttention phase = "needs_attention"
	phaseGone      phase = "gone" // removed or superseded
)

// state is the fold of the journal and nothing else: whatever the runner must
// remember across a kill -9 is in a record.
type state struct {
	updaters map[string]*updater
	open     map[string]startedBody // by attempt id: started, not yet finished
	policy   string                 // digest of the policies last loaded
	vendors  string                 // digest of the vendors last loaded
	revoked  map[string]bool        // revocations that the journal has
}

// updater is one registered program, or one that was: an unregistered one is
// dropped, its history stays in the journal.
type updater struct {
	registeredBody
	registeredAt time.Time
	scanTried    time.Time // last scan that was started
	scanDone     time.Time // last scan that succeeded
	scan         attempts
	held         *heldBody
	approval     approval // of its scan and of an uninstall, which belong to no update
	updates      map[string]*update
	order        []string // ids of updates in the order they were found
	uninstall    *attempts
}

// attempts counts the tries of one step.
type attempts struct {
	tries     int // started, of this step
	failures  int
	continues int
	retryAt   time.Time
	gaveUp    bool
	attention string
	blocked   map[string]time.Time // condition → since when every decision found it unmet
	decided   string               // what the last decision or refusal of a start was; "": none since the last start
}

type update struct {
	scannedEntry
	found     time.Time
	step      string // next step, "" when nothing is left
	phase     phase
	attempts  attempts // of the present step
	artifacts string   // digest, once admitted
	bootOfEnd string   // awaiting_restart: the boot that has to end
	approval  approval
	why       string
}

// approval is a person's word that soft conditions need not be met.
type approval struct {
	until   time.Time
	metered bool // it covers a metered network
}

func newState() *state {
	return &state{updaters: map[string]*updater{}, open: map[string]startedBody{}, revoked: map[string]bool{}}
}

// apply folds one record into s. A record that cannot be read is an error:
// the journal's own chain says it is what was written, so this is a newer or
// a broken lull's doing and must not be guessed at.
func (s *state) apply(rec journal.Record) error {
	fold, ok := folds[rec.Kind]
	if !ok {
		return nil
	}
	if err := fold(s, rec); err != nil {
		return fmt.Errorf("journal record %d (%s): %w", rec.Seq, rec.Kind, err)
	}
	return nil
}

var folds = map[string]func(*state, journal.Record) error{
	kindRegistered:       with((*state).onRegistered),
	kindUnregistered:     with((*state).onUnregistered),
	kindScanned:          with((*state).onScanned),
	kindVerified:         with((*state).onVerified),
	kindRefused:          with((*state).onRefused),
	kindDecided:          with((*state).onDecided),
	kindStarted:          with((*state).onStarted),
	kindFrozen:           with((*state).onFrozen),
	kindThawed:           with((*state).onThawed),
	kindFinished:         with((*state).onFinished),
	kindInterrupted:      with((*state).onInterrupted),
	kindNeedsAttention:   with((*state).onAttention),
	kindSuperseded:       with((*state).onSuperseded),
	kindCanceled:         with((*state).onCanceled),
	kindRestartScheduled: with((*state).onRestart),
	kindHeld:             with((*state).onHeld),
	kindUnheld:           with((*state).onUnheld),
	kindApproved:         with((*state).onApproved),
	kindRetried:          with((*state).onRetried),
	kindPolicyLoaded:     with(func(s *state, _ time.Time, b policyBody) { s.policy = b.Digest }),
	kindVendorsLoaded:    with(func(s *state, _ time.Time, b vendorsBody) { s.vendors = b.Digest }),
	kindRevoked:          with(func(s *state, _ time.Time, b revokedBody) { s.revoked[revokedKey(b.Vendor, b.Signer)] = true }),
}

// with adapts a fold of one body type to a fold of records.
func with[B any](f func(*state, time.Time, B)) func(*state, journal.Record) error {
	return func(s *state, rec journal.Record) error {
		var b B
		if err := json.Unmarshal(rec.Body, &b); err != nil {
			return err
		}
		f(s, rec.Time, b)
		return nil
	}
}

func (s *state) onRegistered(at time.Time, b registeredBody) {
	u := s.updaters[b.Updater]
	if u == nil {
		u = &updater{updates: map[string]*update{}, registeredAt: at}
		s.updaters[b.Updater] = u
	}
	u.registeredBody = b
	u.scan = attempts{}
	u.scanDone = time.Time{} // a new version scans anew
}

func (s *state) onUnregistered(_ time.Time, b unregisteredBody) { delete(s.updaters, b.Updater) }

// onScanned makes the list of pending updates what the scan says. Work that is
// under way or done is left alone; what is pending and no longer listed is
// gone (a superseded record, written by the runner, says so to people).
func (s *state) onScanned(at time.Time, b scannedBody) {
	u := s.updaters[b.Updater]
	if u == nil {
		return
	}
	u.scanDone = at
	u.scan = attempts{}
	for _, e := range b.Updates {
		old := u.updates[e.ID]
		switch {
		case old == nil:
			u.order = append(u.order, e.ID)
			u.updates[e.ID] = &update{scannedEntry: e, found: at, step: e.Step, phase: phasePending}
		case old.phase == phaseRunning || old.phase == phaseFrozen || old.phase == phaseRestart || old.phase == phaseAttention:
		case old.Version != e.Version || old.phase == phaseInstalled || old.phase == phaseGone || old.Document != e.Document:
			u.updates[e.ID] = &update{scannedEntry: e, found: at, step: e.Step, phase: phasePending}
		default:
			old.scannedEntry = e
		}
	}
}

// get returns the updater, the update (nil for a scan or an uninstall) and
// the attempts counter that a record is about; ok is false when it names
// something that is registered no more.
func (s *state) get(sub subject) (u *updater, up *update, a *attempts, ok bool) {
	if u = s.updaters[sub.Updater]; u == nil {
		return nil, nil, nil, false
	}
	switch {
	case sub.Action == actionScan:
		return u, nil, &u.scan, true
	case sub.Action == actionUninstall && sub.Update == "":
		if u.uninstall == nil {
			u.uninstall = &attempts{}
		}
		return u, nil, u.uninstall, true
	}
	if up = u.updates[sub.Update]; up == nil {
		return u, nil, nil, false
	}
	return u, up, &up.attempts, true
}

func (s *state) onVerified(_ time.Time, b verifiedBody) {
	_, up, _, ok := s.get(b.subject)
	if ok && up != nil && b.Action == stepAdmit {
		up.artifacts = b.Artifacts
		up.setStep(b.Next)
	}
}

func (s *state) onRefused(at time.Time, b refusedBody) {
	_, up, a, ok := s.get(b.subject)
	if !ok {
		return
	}
	if b.Stage == stageStart {
		a.decided = b.print()
		if b.Decision != nil {
			a.block(at, *b.Decision)
		}
	}
	if up != nil && b.Stage == "artifacts" {
		a.failures++
		failures := a.failures
		up.setStep(actionDownload) // fetch it again; what came was not what was signed
		up.attempts.failures = failures
		up.attempts.retryAt = parseTime(b.RetryAt)
		a = &up.attempts
	}
	if b.Stage == "artifacts" && b.RetryAt == "" {
		a.gaveUp = true
		up.phase, up.why = phaseFailed, b.Error
	}
}

// onDecided keeps since when each condition has been in the way.
func (s *state) onDecided(at time.Time, b decidedBody) {
	if _, _, a, ok := s.get(b.subject); ok {
		a.decided = b.print()
		a.block(at, b.Decision)
	}
}

func (a *attempts) block(at time.Time, d engine.Decision) {
	blocked := map[string]time.Time{}
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		since, known := a.blocked[name]
		if !known {
			since = at
		}
		blocked[name] = since
	}
	a.blocked = blocked
}

func (s *state) onStarted(at time.Time, b startedBody) {
	s.open[b.ID] = b
	u, up, a, ok := s.get(b.subject)
	if !ok {
		return
	}
	a.tries++
	a.blocked, a.decided = nil, ""
	if b.Action == actionScan {
		u.scanTried = at
	}
	if up != nil {
		up.phase = phaseRunning
	}
}

func (s *state) setPhase(sub subject, p phase) {
	if _, up, _, ok := s.get(sub); ok && up != nil {
		up.phase = p
	}
}

func (s *state) onFrozen(_ time.Time, b pausedBody) { s.setPhase(b.subject, phaseFrozen) }
func (s *state) onThawed(_ time.Time, b pausedBody) { s.setPhase(b.subject, phaseRunning) }

func (s *state) onFinished(_ time.Time, b finishedBody) {
	delete(s.open, b.ID)
	u, up, a, ok := s.get(b.subject)
	if !ok {
		return
	}
	if up != nil {
		up.phase = phasePending
	}
	switch b.Outcome {
	case string(execute.Succeeded):
		s.succeeded(u, up, b)
	case string(execute.Removed):
		if up != nil {
			up.phase, up.step = phaseGone, ""
		}
	case string(execute.Continue):
		a.continues++
	case string(execute.Canceled), string(execute.TryLater):
		a.retryAt = parseTime(b.RetryAt)
	default:
		a.failures++
		a.retryAt = parseTime(b.RetryAt)
	}
	if b.GaveUp {
		a.gaveUp = true
		if up != nil {
			up.phase, up.why = phaseFailed, b.Message
		}
	}
}

// succeeded moves on to the step that the record names: which steps there
// are is the manifest's saying at that time, so the fold needs no manifest.
func (s *state) succeeded(u *updater, up *update, b finishedBody) {
	if up == nil {
		if b.Action == actionUninstall {
			u.uninstall = nil
			for _, up := range u.updates {
				up.phase, up.step, up.why = phaseGone, "", "uninstalled"
			}
		}
		return
	}
	if b.Restart != "" && b.Restart != restartNone {
		up.ScanUpdate.Restart = b.Restart
	}
	failures := up.attempts.failures
	up.setStep(b.Next)
	if b.Next == stepAdmit {
		up.attempts.failures = failures // a download counts as good only when its artifacts were
	}
	if b.Next == "" {
		up.phase = phaseInstalled
	}
}

func (up *update) setStep(step string) {
	up.step, up.attempts, up.phase = step, attempts{}, phasePending
}

func (s *state) onInterrupted(_ time.Time, b interruptedBody) {
	delete(s.open, b.ID)
	_, up, a, ok := s.get(b.subject)
	if !ok {
		return
	}
	a.retryAt = parseTime(b.RetryAt)
	if up != nil {
		up.phase = phasePending
	}
}

func (s *state) onAttention(_ time.Time, b attentionBody) {
	if _, up, a, ok := s.get(b.subject); ok {
		a.attention = b.Why
		if up != nil {
			up.phase, up.why = phaseAttention, b.Why
		}
	}
}

func (s *state) onSuperseded(_ time.Time, b supersededBody) {
	if _, up, _, ok := s.get(b.subject); ok && up != nil {
		up.phase, up.step, up.why = phaseGone, "", "superseded"
	}
}

func (s *state) onCanceled(_ time.Time, b canceledBody) {
	if b.ID != "" {
		delete(s.open, b.ID)
	}
	if _, up, a, ok := s.get(b.subject); ok {
		a.retryAt = parseTime(b.RetryAt)
		if up != nil && up.phase != phaseGone {
			up.phase = phasePending
		}
		if b.Action == actionUninstall && b.ID == "" {
			s.updaters[b.Updater].uninstall = nil
		}
	}
}

func (s *state) onRestart(_ time.Time, b restartBody) {
	if _, up, _, ok := s.get(b.subject); ok && up != nil {
		up.phase, up.bootOfEnd = phaseRestart, b.Boot
	}
}

func (s *state) onHeld(_ time.Time, b heldBody) {
	if u := s.updaters[b.Updater]; u != nil {
		u.held = &b
	}
}

func (s *state) onUnheld(_ time.Time, b heldBody) {
	if u := s.updaters[b.Updater]; u != nil {
		u.held = nil
	}
}

func (s *state) onApproved(_ time.Time, b approvedBody) {
	u := s.updaters[b.Updater]
	if u == nil {
		return
	}
	given := approval{b.Until, b.Metered}
	if b.Update == "" {
		u.approval = given
	}
	for id, up := range u.updates {
		if b.Update == "" || b.Update == id {
			up.approval = given
		}
	}
}

// onRetried is an operator's word that the step may be tried again; an
// uninstall is asked for the same way.
func (s *state) onRetried(at time.Time, b retriedBody) {
	_, up, a, ok := s.get(b.subject)
	if !ok {
		return
	}
	*a = attempts{tries: a.tries}
	if b.Action == actionScan {
		a.retryAt = at // due now, however long it is to the next one by the calendar
	}
	if up != nil {
		up.phase, up.why = phasePending, ""
	}
}

// isHeld reports whether the updater is on hold at now.
func (u *updater) isHeld(now time.Time) bool {
	return u.held != nil && (u.held.Until == nil || now.Before(*u.held.Until))
}

// sorted returns the updaters by id.
func (s *state) sorted() []*updater {
	list := make([]*updater, 0, len(s.updaters))
	for _, u := range s.updaters {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *updater) int { return compare(a.Updater, b.Updater) })
	return list
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
