package facts

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// inotifyMask joins the masks of all events in a buffer (inotify(7)); 0 when
// it is malformed from the start.
func inotifyMask(events []byte) uint32 {
	var mask uint32
	for len(events) >= unix.SizeofInotifyEvent {
		mask |= binary.NativeEndian.Uint32(events[4:])
		size := uint64(unix.SizeofInotifyEvent) + uint64(binary.NativeEndian.Uint32(events[12:]))
		if size > uint64(len(events)) {
			break
		}
		events = events[size:]
	}
	return mask
}
