package facts

import (
	"context"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32       = windows.NewLazySystemDLL("kernel32.dll")
	powrprof       = windows.NewLazySystemDLL("powrprof.dll")
	getPowerStatus = kernel32.NewProc("GetSystemPowerStatus")
	powerInfo      = powrprof.NewProc("CallNtPowerInformation")
)

// windowsPower reads SYSTEM_POWER_STATUS.
type windowsPower struct{}

func (windowsPower) facts() []fact { return []fact{onAC, powerSource, batteryPercent, saver} }

func (windowsPower) collect(_ context.Context, b *batch) {
	var s struct {
		powerStatus
		lifeTime, fullLifeTime uint32
	}
	if ok, _, err := getPowerStatus.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		b.unknownAll("GetSystemPowerStatus: "+err.Error(), onAC, powerSource, batteryPercent, saver)
		return
	}
	s.store(b)
}

func (windowsPower) close() error { return nil }

// windowsThermal asks how the system cools and whether it slows down for it.
type windowsThermal struct{}

// fromCooling is poor: that a limit is due to heat is a guess.
var fromCooling = &origin{"CallNtPowerInformation", poor}

func (windowsThermal) facts() []fact { return []fact{throttled} }

func (windowsThermal) collect(_ context.Context, b *batch) {
	const processorInformation, systemPowerInformation = 11, 12
	var system struct {
		_    [3]uint32
		mode byte
		_    [3]byte
	}
	if err := askPower(systemPowerInformation, unsafe.Pointer(&system), unsafe.Sizeof(system)); err != nil {
		b.unknown(throttled, "how the system cools: "+err.Error())
		return
	}
	processors := make([]byte, 24*runtime.NumCPU())
	if err := askPower(processorInformation, unsafe.Pointer(&processors[0]), uintptr(len(processors))); err != nil {
		b.unknown(throttled, "the processors' limits: "+err.Error())
		return
	}
	hot, none, why := cooling(system.mode, limitedProcessors(processors))
	switch {
	case why != "":
		b.unknown(throttled, why)
	case none:
		b.notApplicable(throttled, "the machine has no thermal zone")
	default:
		b.bool(throttled, hot, fromCooling)
	}
}

func (windowsThermal) close() error { return nil }

// askPower is CallNtPowerInformation without input.
func askPower(level uintptr, out unsafe.Pointer, size uintptr) error {
	if err := powerInfo.Find(); err != nil {
		return err
	}
	if status, _, _ := powerInfo.Call(level, 0, 0, uintptr(out), size); status != 0 {
		return windows.NTStatus(status)
	}
	return nil
}
