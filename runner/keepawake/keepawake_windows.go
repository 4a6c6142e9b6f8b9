package keepawake

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Flags of SetThreadExecutionState. Away mode is not used: Microsoft's page
// forbids it on portable computers.
const (
	esContinuous     = 0x80000000
	esSystemRequired = 0x00000001
)

var setThreadExecutionState = windows.NewLazySystemDLL("kernel32.dll").NewProc("SetThreadExecutionState")

// hold keeps one thread for as long as it lasts, because the request is the thread's.
func (k Keeper) hold(_ context.Context, _ string) (func(), error) {
	set, release := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends, and its request with it
		err := request(esContinuous | esSystemRequired)
		set <- err
		if err == nil {
			<-release
			_ = request(esContinuous)
		}
	}()
	if err := <-set; err != nil {
		return nil, err
	}
	return func() { close(release) }, nil
}

func request(flags uintptr) error {
	if r, _, err := setThreadExecutionState.Call(flags); r == 0 {
		return fmt.Errorf("SetThreadExecutionState: %w", err)
	}
	return nil
}
