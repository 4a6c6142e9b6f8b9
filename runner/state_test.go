package runner

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

var day0 = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// story folds records as a journal would hold them, a minute apart.
type story struct {
	t   *testing.T
	s   *state
	now time.Time
	seq uint64
}

func newStory(t *testing.T) *story { return &story{t: t, s: newState(), now: day0} }

func (st *story) add(kind string, body any) {
	st.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		st.t.Fatal(err)
	}
	st.seq++
	st.now = st.now.Add(time.Minute)
	if err := st.s.apply(journal.Record{Seq: st.seq, Time: st.now, Kind: kind, Body: raw}); err != nil {
		st.t.Fatal(err)
	}
}

const anUpdater, anUpdate = "com.example.reader", "reader-2"

func sub(action string) subject { return subject{anUpdater, anUpdate, action} }

func manifest() *trust.Manifest {
	m := &trust.Manifest{ID: anUpdater, Component: "user_mode_app", Actions: map[string]trust.Action{
		actionDownload: {}, actionInstall: {}, actionComplete: {},
	}}
	m.Scan.EveryMinutes, m.Scan.MinGapMinutes = 1440, 360
	return m
}

func always(m *trust.Manifest) func(*updater) *trust.Manifest {
	return func(*updater) *trust.Manifest { return m }
}

func (st *story) next(m *trust.Manifest) string {
	list, _ := st.s.candidates(st.now, always(m))
	if len(list) == 0 {
		return ""
	}
	return list[0].Action
}

func (st *story) registered() {
	st.add(kindRegistered, registeredBody{Updater: anUpdater, Vendor: "example", Version: "1.0.0", Digest: "d"})
}

func (st *story) scanned(m *trust.Manifest) {
	st.add(kindStarted, startedBody{subject: subject{Updater: anUpdater, Action: actionScan}, ID: "s1"})
	st.add(kindFinished, finishedBody{subject: subject{Updater: anUpdater, Action: actionScan}, ID: "s1", Outcome: "succeeded"})
	e := scannedEntry{ScanUpdate: ScanUpdate{ID: anUpdate, Version: "2.0.0", Restart: restartNone}, Document: "doc"}
	e.Step = nextStep(m, e, "")
	st.add(kindScanned, scannedBody{Updater: anUpdater, Updates: []scannedEntry{e}})
}

func (st *story) done(action, next string) {
	st.add(kindStarted, startedBody{subject: sub(action), ID: action})
	st.add(kindFinished, finishedBody{subject: sub(action), ID: action, Outcome: "succeeded", Next: next})
}

func TestAnUpdateGoesThroughItsStepsAndIsInstalledOnlyAtTheEnd(t *testing.T) {
	st, m := newStory(t), manifest()
	want := func(step string, p phase) {
		t.Helper()
		if got := st.next(m); got != step {
			t.Errorf("next step is %q, want %q", got, step)
		}
		if up := st.s.updaters[anUpdater].updates[anUpdate]; up != nil && up.phase != p {
			t.Errorf("phase is %q, want %q", up.phase, p)
		}
	}
	st.registered()
	want(actionScan, "")
	st.scanned(m)
	want(actionDownload, phasePending)
	st.done(actionDownload, stepAdmit)
	want(stepAdmit, phasePending)
	st.add(kindVerified, verifiedBody{subject: sub(stepAdmit), Artifacts: "arts", Next: actionInstall})
	want(actionInstall, phasePending)
	st.done(actionInstall, actionComplete)
	want(actionComplete, phasePending)
	st.done(actionComplete, "")
	want("", phaseInstalled)
	if got := st.s.updaters[anUpdater].updates[anUpdate].artifacts; got != "arts" {
		t.Errorf("artifacts %q, want arts", got)
	}
}

func TestNothingButTheLastStepMakesAnUpdateInstalled(t *testing.T) {
	for name, tell := range map[string]func(*story){
		"denied":          func(st *story) { st.add(kindDecided, decidedBody{subject: sub(actionInstall)}) },
		"refused":         func(st *story) { st.add(kindRefused, refusedBody{subject: sub(actionInstall), Stage: "start"}) },
		"running":         func(st *story) { st.add(kindStarted, startedBody{subject: sub(actionInstall), ID: "i"}) },
		"frozen":          func(st *story) { st.add(kindFrozen, pausedBody{subject: sub(actionInstall)}) },
		"interrupted":     func(st *story) { st.add(kindInterrupted, interruptedBody{subject: sub(actionInstall)}) },
		"needs attention": func(st *story) { st.add(kindNeedsAttention, attentionBody{subject: sub(actionInstall)}) },
		"superseded":      func(st *story) { st.add(kindSuperseded, supersededBody{subject: sub("")}) },
		"canceled":        func(st *story) { st.add(kindCanceled, canceledBody{subject: sub(actionInstall)}) },
		"awaits a restart": func(st *story) {
			st.add(kindRestartScheduled, restartBody{subject: sub(actionRestart), Boot: "b"})
		},
		"failed for good": func(st *story) {
			st.add(kindFinished, finishedBody{subject: sub(actionInstall), Outcome: "failed", GaveUp: true})
		},
		"to be tried later": func(st *story) {
			st.add(kindFinished, finishedBody{subject: sub(actionInstall), Outcome: "try_later"})
		},
		"removed": func(st *story) { st.add(kindFinished, finishedBody{subject: sub(actionInstall), Outcome: "removed"}) },
	} {
		t.Run(name, func(t *testing.T) {
			st, m := newStory(t), manifest()
			st.registered()
			st.scanned(m)
			st.done(actionDownload, actionInstall)
			tell(st)
			if p := st.s.updaters[anUpdater].updates[anUpdate].phase; p == phaseInstalled {
				t.Errorf("phase is %s", p)
			}
		})
	}
}

func TestAStartedActionIsOpenUntilItsEndIsRecorded(t *testing.T) {
	st := newStory(t)
	st.registered()
	st.scanned(manifest())
	st.add(kindStarted, startedBody{subject: sub(actionInstall), ID: "x"})
	if _, ok := st.s.open["x"]; !ok {
		t.Fatal("a started attempt is not open")
	}
	st.add(kindInterrupted, interruptedBody{subject: sub(actionInstall), ID: "x"})
	if len(st.s.open) != 0 {
		t.Errorf("still open: %v", st.s.open)
	}
}

func TestWhatNeedsAttentionIsNeitherRepeatedNorOverwrittenByAScan(t *testing.T) {
	st, m := newStory(t), manifest()
	st.registered()
	st.scanned(m)
	st.add(kindNeedsAttention, attentionBody{subject: sub(actionInstall), Why: "look"})
	if got := st.next(m); got != "" {
		t.Errorf("next step is %q, want none", got)
	}
	st.add(kindScanned, scannedBody{Updater: anUpdater, Updates: []scannedEntry{{ScanUpdate: ScanUpdate{ID: anUpdate, Version: "2.0.0"}, Step: actionDownload}}})
	if got := st.next(m); got != "" {
		t.Errorf("after a scan: next step is %q, want none", got)
	}
	st.add(kindRetried, retriedBody{subject: sub("")})
	if got := st.next(m); got != actionDownload {
		t.Errorf("after an operator's retry: next step is %q, want download", got)
	}
}

func TestAFailedStepWaitsForItsRetryAndScansStayDue(t *testing.T) {
	st, m := newStory(t), manifest()
	st.registered()
	st.scanned(m)
	retry := st.now.Add(time.Hour)
	st.add(kindStarted, startedBody{subject: sub(actionDownload), ID: "d"})
	st.add(kindFinished, finishedBody{subject: sub(actionDownload), ID: "d", Outcome: "failed", RetryAt: retry.Format(time.RFC3339Nano)})
	list, _ := st.s.candidates(st.now, always(m))
	if len(list) != 1 || !list[0].at.retryAt.Equal(retry) || list[0].at.failures != 1 {
		t.Fatalf("got %+v", list)
	}
}

func TestAScanIsDueAgainAfterItsPeriodAndNeverInsideTheGap(t *testing.T) {
	st, m := newStory(t), manifest()
	st.registered()
	st.add(kindStarted, startedBody{subject: subject{Updater: anUpdater, Action: actionScan}, ID: "s"})
	st.add(kindScanned, scannedBody{Updater: anUpdater})
	scanned := st.now
	_, due := st.s.candidates(st.now, always(m))
	if want := scanned.Add(24 * time.Hour); !due.Equal(want) {
		t.Errorf("next scan due %v, want %v", due, want)
	}
	st.now = due
	if got := st.next(m); got != actionScan {
		t.Errorf("at the due time: next is %q, want scan", got)
	}
}

func TestAScanWithoutAStatedPeriodIsDueOnceADay(t *testing.T) {
	st, m := newStory(t), manifest()
	m.Scan.EveryMinutes, m.Scan.MinGapMinutes = 0, 0
	st.registered()
	st.add(kindStarted, startedBody{subject: subject{Updater: anUpdater, Action: actionScan}, ID: "s"})
	st.add(kindScanned, scannedBody{Updater: anUpdater})
	if _, due := st.s.candidates(st.now, always(m)); !due.Equal(st.now.Add(24 * time.Hour)) {
		t.Errorf("next scan due %v, want a day after %v", due, st.now)
	}
}

func TestBackoffDoublesStaysInBoundsAndEnds(t *testing.T) {
	m := manifest()
	m.Retry.MaxAttempts, m.Retry.InitialSeconds, m.Retry.MaxSeconds = 4, 600, 1500
	for n, want := range map[int][2]time.Duration{1: {300, 600}, 2: {600, 1200}, 3: {750, 1500}} {
		for range 50 {
			at, more := backoff(m, n, day0)
			if d := at.Sub(day0); !more || d < want[0]*time.Second || d > want[1]*time.Second {
				t.Fatalf("failure %d: retry after %v (more %v), want %v to %v seconds", n, d, more, want[0], want[1])
			}
		}
	}
	if _, more := backoff(m, 4, day0); more {
		t.Error("a fifth attempt was allowed")
	}
}

func TestAConditionIsInTheWaySinceItWasFirstFoundUnmet(t *testing.T) {
	st, m := newStory(t), manifest()
	st.registered()
	st.scanned(m)
	at := func() map[string]time.Time { return st.s.updaters[anUpdater].updates[anUpdate].attempts.blocked }
	decided := func(names ...string) {
		st.add(kindDecided, decidedBody{subject: sub(actionDownload), Decision: engine.Decision{WaitsFor: names}})
	}
	decided("on_ac", "user_away")
	first := at()["on_ac"]
	decided("on_ac")
	if got := at()["on_ac"]; !got.Equal(first) || first.IsZero() {
		t.Errorf("on_ac: got since %v, want %v", got, first)
	}
	decided("on_ac", "user_away")
	if got := at()["user_away"]; !got.After(first) {
		t.Errorf("user_away was met in between: got since %v, want later than %v", got, first)
	}
	st.add(kindRefused, refusedBody{subject: sub(actionDownload), Stage: stageStart, Code: "revoked", Decision: &engine.Decision{DeniedBy: []string{"trusted"}}})
	if got := at(); len(got) != 1 || !got["trusted"].Equal(st.now) {
		t.Errorf("refused: got %v, want trusted alone, since now", got)
	}
	st.add(kindStarted, startedBody{subject: sub(actionDownload), ID: "d"})
	if got := at(); len(got) != 0 {
		t.Errorf("started, and still blocked by %v", got)
	}
}
