package execute

// Outcome is what an attempt came to.
type Outcome string

// The outcomes; the first five can be said by the program itself.
const (
	Succeeded Outcome = "succeeded" // done
	Continue  Outcome = "continue"  // done so far: run the same step again
	Failed    Outcome = "failed"    // see Result.Message
	Canceled  Outcome = "canceled"  // ended because lull asked or made it
	Removed   Outcome = "removed"   // nothing left to do: the product is gone
	TryLater  Outcome = "try_later" // exit status 75 (EX_TEMPFAIL of sysexits.h)
)

// Result is the honest end of one attempt. Its JSON form is the exit file that
// the supervisor leaves behind.
type Result struct {
	// Outcome is never empty.
	Outcome Outcome `json:"outcome"`
	// Message is for people: the program's own words (at most 200 characters, no
	// control characters) or, when lull had to judge, what went wrong.
	Message string `json:"message,omitempty"`
	// Restart is "none", "app", "session" or "system" when the program said so.
	Restart string `json:"restart,omitempty"`
	// ExitCode is the exit status; -1 when a signal ended the program or it never ran.
	ExitCode int `json:"exit_code"`
	// Signal is the name of the signal that ended the program ("SIGKILL"), or "".
	Signal string `json:"signal,omitempty"`
	// TimedOut: MaxSeconds of running time were over.
	TimedOut bool `json:"timed_out,omitempty"`
	// Canceled: lull asked it to end, or ended it, and that is why it ended.
	Canceled bool `json:"canceled,omitempty"`
	// CPUSeconds of the whole tree, user and system.
	CPUSeconds float64 `json:"cpu_seconds"`
	// BytesRead and BytesWritten reached a disk.
	BytesRead    int64 `json:"bytes_read"`
	BytesWritten int64 `json:"bytes_written"`
	// PeakMemoryBytes of the tree where a memory controller counts, else of its largest process.
	PeakMemoryBytes int64 `json:"peak_memory_bytes"`
	// WallSeconds from start to end; FrozenSeconds of these it was frozen.
	WallSeconds   float64 `json:"wall_seconds"`
	FrozenSeconds float64 `json:"frozen_seconds"`
	// Layers in force while it ran.
	Layers []string `json:"layers,omitempty"`
	// LandlockABI is the effective ABI version; 0 without Landlock.
	LandlockABI int `json:"landlock_abi,omitempty"`
	// Memory is "enforced", "weak" or "none", as in input.sandbox.memory.
	Memory string `json:"memory,omitempty"`
	// Output is stdout when Spec.OutputLimit asked for it.
	Output []byte `json:"output,omitempty"`
	// Contradiction says how the program contradicted itself: two results, or a
	// result that does not fit its exit status. Such an attempt has failed.
	Contradiction string `json:"contradiction,omitempty"`
	// LogCut: the log was longer than LogLimit.
	LogCut bool `json:"log_cut,omitempty"`
}

// AdoptState is what became of an attempt while no daemon was watching.
type AdoptState string

// The four answers of Adopt.
const (
	// Running: its supervisor lives; the Process controls it again.
	Running AdoptState = "running"
	// Ended: the Result is the one its supervisor wrote.
	Ended AdoptState = "ended"
	// NeverBegan: nothing of the program has run; starting it again is safe.
	NeverBegan AdoptState = "never_began"
	// MayHaveRun: it began and nobody knows how it ended. Only idempotent work may be repeated.
	MayHaveRun AdoptState = "may_have_run"
)

// Event is what a running program tells.
type Event struct {
	// Current and Total of its progress; Total is 0 when it did not say.
	Current, Total float64
}
