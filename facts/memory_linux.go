package facts

import (
	"bytes"
	"context"
)

type memoryCollector struct{ info *kept }

func newMemory(r *root) *memoryCollector { return &memoryCollector{r.keep("/proc/meminfo", 4096)} }

func (*memoryCollector) facts() []fact { return memoryFacts }

var memoryFacts = []fact{memoryAvailable, memoryTotal}

var fromMeminfo = &origin{"/proc/meminfo", good}

func (m *memoryCollector) collect(_ context.Context, b *batch) {
	data, err := m.info.read()
	if err != nil {
		b.unknownAll(whyNot(m.info.path, err), memoryFacts...)
		return
	}
	storeKB(b, memoryAvailable, data, "MemAvailable:")
	storeKB(b, memoryTotal, data, "MemTotal:")
}

func storeKB(b *batch, f fact, data []byte, key string) {
	if !b.wants(f) {
		return
	}
	if v, ok := parseMeminfo(data, key); ok {
		b.int(f, v, fromMeminfo)
		return
	}
	b.unknown(f, "/proc/meminfo has no "+key)
}

// parseMeminfo returns a line of /proc/meminfo in bytes.
func parseMeminfo(data []byte, key string) (int64, bool) {
	for len(data) > 0 {
		var l []byte
		l, data = line(data)
		if len(l) < len(key) || string(l[:len(key)]) != key {
			continue
		}
		kb, rest, ok := parseUint(l[len(key):])
		return int64(kb) * 1024, ok && kb < 1<<50 && string(bytes.TrimSpace(rest)) == "kB"
	}
	return 0, false
}

func (m *memoryCollector) close() error { m.info.close(); return nil }
