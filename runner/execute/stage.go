package execute

import "os"

// stageWord is the hidden first argument of a re-executed binary.
const stageWord = "__stage"

// MaybeStage must be the first line of main and of TestMain: when this process was
// started as a supervisor or as a launcher it does that work and never returns.
func MaybeStage() {
	if len(os.Args) < 3 || os.Args[1] != stageWord {
		return
	}
	os.Exit(stage(os.Args[2]))
}
