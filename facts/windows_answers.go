package facts

// What other questions Windows answers, in its own terms, and what facts they
// come to. It is built on every platform, so that it is tested on every one;
// the files *_windows.go ask.

import (
	"encoding/binary"
	"fmt"
)

// powerStatus is the part of SYSTEM_POWER_STATUS that is used.
type powerStatus struct{ acLine, flag, percent, saver byte }

var fromPowerStatus = &origin{"GetSystemPowerStatus", good}

// supplies puts it in the terms of decidePower: one adapter and, unless it says
// that there is none, one battery.
func (s powerStatus) supplies() []supply {
	const charging, none, unknownFlag = 8, 128, 255
	online, status := -1, "Unknown"
	switch s.acLine {
	case 0:
		online, status = 0, "Discharging"
	case 1:
		online, status = 1, "Not charging"
	}
	all := []supply{{name: "line", kind: "Mains", online: online, capacity: -1}}
	if s.flag != unknownFlag && s.flag&none != 0 {
		return all
	}
	if s.flag != unknownFlag && s.flag&charging != 0 {
		status = "Charging"
	}
	capacity := int(s.percent)
	if capacity > 100 {
		capacity = -1 // 255: unknown
	}
	return append(all, supply{name: "battery", kind: "Battery", status: status, online: -1, capacity: capacity})
}

func (s powerStatus) store(b *batch) {
	storePower(b, s.supplies(), fromPowerStatus)
	if s.saver > 1 {
		b.unknown(saver, "Windows does not know whether it saves energy")
		return
	}
	b.bool(saver, s.saver == 1, fromPowerStatus)
}

// shellBusy sorts QUERY_USER_NOTIFICATION_STATE: the reason not to disturb, ""
// for none, or why it is not known.
func shellBusy(state uint32) (reason, why string) {
	switch state {
	case 2, 7: // a program fills the screen, or an app of the Store does
		return busyFullscreen, ""
	case 3: // exclusive Direct3D
		return busyGame, ""
	case 4: // presentation settings
		return busyPresentation, ""
	case 1, 5, 6: // locked or screen saver; nothing; the quiet hour of a new user
		return "", ""
	}
	return "", fmt.Sprintf("the shell gives state %d", state)
}

// displayRequired reads SystemExecutionState: a program keeps the screen on.
func displayRequired(state uint32) bool { return state&2 != 0 }

// unmeteredCost sorts NLM_CONNECTION_COST.
func unmeteredCost(cost uint32) (free bool, why string) {
	const unrestricted, fixed, variable, overLimit, roaming = 1, 2, 4, 0x10000, 0x40000
	switch {
	case cost&(fixed|variable|overLimit|roaming) != 0:
		return false, ""
	case cost&unrestricted != 0:
		return true, ""
	}
	return false, "Windows does not know the cost of the connection"
}

// internetReached reads NLM_CONNECTIVITY.
func internetReached(connectivity uint32) bool {
	const ipv4, ipv6 = 0x40, 0x400
	return connectivity&(ipv4|ipv6) != 0
}

// pendingRenames reports whether PendingFileRenameOperations, a registry value
// of UTF-16 strings in pairs of source and target, wants a file replaced at the
// next boot. Pairs without target only delete what an installer left behind,
// and nothing waits for that. The strings may be empty, so the value ends with
// its length and not with the first empty one.
func pendingRenames(data []byte) bool {
	var length [2]int // of the source and the target that are being read
	part := 0
	for ; len(data) >= 2; data = data[2:] {
		if data[0] != 0 || data[1] != 0 {
			length[part]++
			continue
		}
		if part == 1 && length[0] > 0 && length[1] > 0 {
			return true
		}
		if part == 1 {
			length = [2]int{}
		}
		part = 1 - part
	}
	return part == 1 && length[0] > 0 && length[1] > 0
}

// mayChange reports whether an entry of an access list lets its owner change
// the file, its access or its owner. Entries that only deny, or that only
// directories hand down, do not; kinds that are not known count as if they did.
func mayChange(kind, flags byte, mask uint32) bool {
	const denied, audit, inheritOnly = 1, 2, 8
	const change = 0x2 | 0x4 | 0x10 | 0x100 | 0x10000 | 0x40000 | 0x80000 | 0x10000000 | 0x40000000 // write, append, attributes, delete, access, owner, all, generic write
	return kind != denied && kind != audit && flags&inheritOnly == 0 && mask&change != 0
}

// diskExtents reads VOLUME_DISK_EXTENTS: the numbers of the disks below a
// volume, each once; nil when they are not told.
func diskExtents(data []byte) []uint32 {
	const head, size = 8, 24
	if len(data) < head {
		return nil
	}
	n := binary.LittleEndian.Uint32(data)
	if n == 0 || uint64(n) > uint64(len(data)-head)/size {
		return nil
	}
	var disks []uint32
	seen := map[uint32]bool{}
	for i := range int(n) {
		d := binary.LittleEndian.Uint32(data[head+i*size:])
		if !seen[d] {
			seen[d] = true
			disks = append(disks, d)
		}
	}
	return disks
}

// busType reads STORAGE_DEVICE_DESCRIPTOR.
func busType(data []byte) (bus uint32, ok bool) {
	if len(data) < 32 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(data[28:]), true
}

// turns decides whether a disk spins by its seek penalty and its bus
// (STORAGE_BUS_TYPE): memory cards, NVMe and UFS have nothing to turn, and
// what is said of a virtual disk is doubtful.
func turns(penalty, asked bool, bus uint32) (rotating, doubtful, ok bool) {
	switch bus {
	case 12, 13, 17, 18, 19: // SD, MMC, NVMe, storage class memory, UFS
		return false, false, true
	case 14, 15: // virtual, file-backed
		doubtful = true
	}
	return penalty, doubtful, asked
}

// diskCounters is the part of DISK_PERFORMANCE that is used, times in tenths
// of microseconds.
type diskCounters struct {
	waited, idle, at int64 // all requests' times together; without work; when
	queued           uint32
}

func parseDiskCounters(data []byte) (diskCounters, bool) {
	if len(data) < 64 {
		return diskCounters{}, false
	}
	at := func(offset int) int64 { return int64(binary.LittleEndian.Uint64(data[offset:])) }
	read, write := at(16), at(24)
	c := diskCounters{waited: read + write, idle: at(32), at: at(56), queued: binary.LittleEndian.Uint32(data[48:])}
	const most = 1 << 60
	return c, read >= 0 && write >= 0 && read < most && write < most && c.idle >= 0 && c.at > 0
}

// counterRate computes the averages between two looks. Requests that were in
// the queue all the time count, although they are added up when they end.
func counterRate(a, z diskCounters) (depth, share float64, ok bool) {
	dt := float64(z.at - a.at)
	if a.at == 0 || dt <= 0 || z.waited < a.waited || z.idle < a.idle {
		return 0, 0, false
	}
	depth = float64(z.waited-a.waited) / dt
	if z.waited == a.waited {
		depth = float64(min(a.queued, z.queued))
	}
	return depth, min(1, max(0, 1-float64(z.idle-a.idle)/dt)), true
}

// cooling sorts COOLING_MODE of SYSTEM_POWER_INFORMATION: throttled is whether
// the system prefers to cool by slowing down and a processor's limit is below
// its maximum; none that the machine has no thermal zone.
func cooling(mode byte, limited bool) (throttled, none bool, why string) {
	switch mode {
	case 0:
		return false, false, ""
	case 1:
		return limited, false, ""
	case 2:
		return false, true, ""
	}
	return false, false, fmt.Sprintf("Windows gives cooling mode %d", mode)
}

// limitedProcessors reads an array of PROCESSOR_POWER_INFORMATION.
func limitedProcessors(data []byte) bool {
	const size, maxAt, limitAt = 24, 4, 12
	for ; len(data) >= size; data = data[size:] {
		if binary.LittleEndian.Uint32(data[limitAt:]) < binary.LittleEndian.Uint32(data[maxAt:]) {
			return true
		}
	}
	return false
}
