package execute

import "fmt"

// tempFail is EX_TEMPFAIL of sysexits.h: try later.
const tempFail = 75

// ending is how the main process ended.
type ending struct {
	code   int    // -1 with a signal
	signal string // "SIGKILL", or ""
}

func (e ending) String() string {
	if e.signal != "" {
		return "ended by " + e.signal
	}
	return fmt.Sprintf("exit status %d", e.code)
}

// cause is why lull itself ended the tree.
type cause int

const (
	byItself cause = iota
	byTimeout
	byCancel
	byOrphan // the daemon died and the work can be repeated
	byFault  // a limit was broken
)

// judge fills in the outcome from what the program said, how it ended, and what
// lull did to it. What lull did comes first: a program that was made to end
// has not failed by itself.
func judge(r *Result, words []said, end ending, why cause, fault string) {
	r.ExitCode, r.Signal = end.code, end.signal
	if len(words) > 0 {
		r.Message, r.Restart = words[0].Message, words[0].Restart
	}
	switch {
	case why == byFault:
		r.Outcome, r.Message = Failed, fault
	case why == byTimeout:
		r.Outcome, r.Message, r.TimedOut = Failed, "it ran longer than it may", true
	case why == byOrphan:
		r.Outcome, r.Message, r.Canceled = Canceled, "the daemon ended, and this work can be repeated", true
	case len(words) > 1:
		contradict(r, fmt.Sprintf("it sent %d results: %s, then %s", len(words), words[0].Result, words[1].Result))
	case len(words) == 1:
		judgeWord(r, words[0].Result, end, why)
	default:
		judgeExit(r, end, why)
	}
}

// judgeWord holds the program's one result against its end.
func judgeWord(r *Result, word Outcome, end ending, why cause) {
	good := end.code == 0
	asked := why == byCancel
	switch {
	case word == Canceled:
		r.Outcome, r.Canceled = Canceled, asked
	case word == Failed && good, word != Failed && !good && !asked:
		contradict(r, fmt.Sprintf("its result is %s, but its end is %s", word, end))
	case word != Failed && !good:
		judgeExit(r, end, why)
	default:
		r.Outcome = word
	}
}

// judgeExit is for programs that do not use the channel.
func judgeExit(r *Result, end ending, why cause) {
	switch {
	case end.signal == "" && end.code == 0:
		r.Outcome = Succeeded
	case why == byCancel:
		r.Outcome, r.Canceled = Canceled, true
	case end.signal == "" && end.code == tempFail:
		r.Outcome = TryLater
	default:
		r.Outcome = Failed
		if r.Message == "" {
			r.Message = end.String()
		}
	}
}

func contradict(r *Result, how string) {
	r.Outcome, r.Contradiction, r.Restart = Failed, how, ""
	r.Message = "it contradicted itself: " + how
}
