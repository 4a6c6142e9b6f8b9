package facts

import "time"

// disk is one disk whose work is watched.
type disk struct {
	stat   *kept
	device string // major:minor
	last   diskLook
}

type diskLook struct {
	diskStat
	own uint64
	at  time.Duration
	ok  bool
}

// diskStat is what /sys/block/*/stat counts
// (Documentation/block/stat.rst).
type diskStat struct {
	bytes    uint64 // read and written
	inFlight uint64 // now
	busyMS   uint64 // with at least one request
	queueMS  uint64 // sum over requests
}

// parseDiskStat parses the file.
func parseDiskStat(data []byte) (s diskStat, ok bool) {
	var v [11]uint64
	for i := range v {
		if v[i], data, ok = parseUint(data); !ok {
			return diskStat{}, false
		}
	}
	return diskStat{bytes: (v[2]%(1<<50) + v[6]%(1<<50)) * 512, inFlight: v[8], busyMS: v[9], queueMS: v[10]}, true
}

// look reads the disk; depth and share are averages since the look before,
// lull's own part by bytes left out.
func (d *disk) look(own *ownWork, at time.Duration) (depth, share float64, ok bool) {
	now := diskLook{at: at, own: own.ioBytes(d.device)}
	if data, err := d.stat.read(); err == nil {
		now.diskStat, now.ok = parseDiskStat(data)
	}
	before := d.last
	d.last = now
	return diskRate(before, now)
}

// diskRate computes the averages between two looks. Requests that were in
// flight all the time count although the kernel adds them up only when they
// end, so that a disk that hangs is not taken for a quiet one.
func diskRate(a, z diskLook) (depth, share float64, ok bool) {
	dt := (z.at - a.at).Seconds() * 1000
	if !a.ok || !z.ok || dt <= 0 || z.busyMS < a.busyMS || z.queueMS < a.queueMS || z.bytes < a.bytes {
		return 0, 0, false
	}
	depth = max(float64(z.queueMS-a.queueMS)/dt, stuck(a, z))
	share = min(1, float64(z.busyMS-a.busyMS)/dt)
	others := 1.0
	if total := z.bytes - a.bytes; total > 0 && z.own > a.own {
		others = 1 - min(1, float64(z.own-a.own)/float64(total))
	}
	return depth * others, share * others, true
}

// stuck is the number of requests that nothing has happened to.
func stuck(a, z diskLook) float64 {
	if z.bytes == a.bytes && z.queueMS == a.queueMS {
		return float64(min(a.inFlight, z.inFlight))
	}
	return 0
}
