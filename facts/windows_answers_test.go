package facts

import (
	"encoding/binary"
	"slices"
	"testing"
	"unicode/utf16"
)

// oneBatch is a batch that wants everything.
func oneBatch() *batch {
	b := newBatch(instant{})
	for i := range b.want {
		b.want[i] = true
	}
	return b
}

func (b *batch) got(f fact) any {
	v := b.cell(f).value(declared[f], b.now.wall)
	if v.State == Known {
		return v.V
	}
	return string(v.State)
}

func TestPowerStatusOfWindows(t *testing.T) {
	const unknown, none = "unknown", "not_applicable"
	for name, c := range map[string]struct {
		status                 powerStatus
		ac, source, charge, sv any
	}{
		"a desktop":                                        {powerStatus{1, 128, 255, 0}, true, "ac", none, false},
		"a laptop that charges":                            {powerStatus{1, 8, 40, 0}, true, "ac", 40.0, false},
		"a full laptop on mains":                           {powerStatus{1, 1, 100, 0}, true, "ac", 100.0, false},
		"a laptop on battery with the saver on":            {powerStatus{0, 2, 18, 1}, false, "battery", 18.0, true},
		"charging flag without mains (a weak charger)":     {powerStatus{0, 8 | 4, 3, 0}, true, "ac", 3.0, false},
		"no answer about the line, a battery":              {powerStatus{255, 1, 80, 0}, unknown, unknown, 80.0, false},
		"no answer about the line, no battery":             {powerStatus{255, 128, 255, 0}, true, "ac", none, false},
		"no battery and no mains contradict each other":    {powerStatus{0, 128, 255, 0}, unknown, unknown, none, false},
		"nothing known at all":                             {powerStatus{255, 255, 255, 255}, unknown, unknown, unknown, unknown},
		"battery flag unknown, on mains":                   {powerStatus{1, 255, 255, 0}, true, "ac", unknown, false},
		"battery flag unknown, not on mains":               {powerStatus{0, 255, 255, 0}, false, "battery", unknown, false},
		"a charge beyond 100 is none":                      {powerStatus{1, 1, 101, 0}, true, "ac", unknown, false},
		"a line state that is not documented is not mains": {powerStatus{2, 1, 50, 0}, unknown, unknown, 50.0, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := oneBatch()
			c.status.store(b)
			if ac, source, charge, sv := b.got(onAC), b.got(powerSource), b.got(batteryPercent), b.got(saver); ac != c.ac || source != c.source || charge != c.charge || sv != c.sv {
				t.Errorf("got on_ac %v, source %v, charge %v, saver %v; want %v, %v, %v, %v", ac, source, charge, sv, c.ac, c.source, c.charge, c.sv)
			}
		})
	}
}

func TestShellStatesAreSorted(t *testing.T) {
	want := map[uint32]string{1: "", 2: busyFullscreen, 3: busyGame, 4: busyPresentation, 5: "", 6: "", 7: busyFullscreen}
	for state := range uint32(12) {
		reason, why := shellBusy(state)
		if w, ok := want[state]; ok != (why == "") || reason != w {
			t.Errorf("state %d: got %q (%s), want %q, known %v", state, reason, why, w, ok)
		}
	}
	if displayRequired(1|4) || !displayRequired(2|1) {
		t.Error("ES_DISPLAY_REQUIRED is 2")
	}
}

func TestCostOfAConnection(t *testing.T) {
	for cost, want := range map[uint32]string{0: "unknown", 1: "free", 2: "metered", 4: "metered", 1 | 0x10000: "metered", 1 | 0x40000: "metered", 1 | 0x20000: "free", 2 | 0x80000: "metered", 0x20000: "unknown"} {
		free, why := unmeteredCost(cost)
		got := map[bool]string{true: "free", false: "metered"}[free]
		if why != "" {
			got = "unknown"
		}
		if got != want {
			t.Errorf("cost %#x: got %s, want %s", cost, got, want)
		}
	}
	for c, want := range map[uint32]bool{0: false, 1 | 2: false, 0x10 | 0x20: false, 0x40: true, 0x400: true, 0x200: false} {
		if internetReached(c) != want {
			t.Errorf("connectivity %#x: want %v", c, want)
		}
	}
}

func multiString(parts ...string) []byte {
	var out []byte
	for _, p := range append(parts, "") {
		for _, c := range append(utf16.Encode([]rune(p)), 0) {
			out = binary.LittleEndian.AppendUint16(out, c)
		}
	}
	return out
}

func TestOnlyFilesToReplaceWaitForAReboot(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"nothing":                                   {nil, false},
		"an empty list":                             {multiString(), false},
		"left-overs to delete":                      {multiString(`\??\C:\Temp\a`, "", `\??\C:\Temp\b`, ""), false},
		"a file to replace":                         {multiString(`\??\C:\new.dll`, `!\??\C:\old.dll`), true},
		"a file to replace after one to delete":     {multiString(`\??\C:\Temp\a`, "", `\??\C:\new.dll`, `!\??\C:\old.dll`), true},
		"a target that was cut off at the end":      {multiString(`\??\C:\new.dll`, `!\??\C:\old.dll`)[:48], true},
		"an odd byte at the end is not a character": {append(multiString(`\??\C:\Temp\a`, ""), 7), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pendingRenames(c.data); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhoMayChangeAFile(t *testing.T) {
	for name, c := range map[string]struct {
		kind, flags byte
		mask        uint32
		want        bool
	}{
		"read and execute":           {0, 0, 0x1200a9, false},
		"modify":                     {0, 0, 0x1301bf, true},
		"everything":                 {0, 0, 0x1f01ff, true},
		"generic everything":         {0, 0, 0x10000000, true},
		"change the access list":     {0, 0, 0x40000, true},
		"take it over":               {0, 0, 0x80000, true},
		"append":                     {0, 0, 0x4, true},
		"denied":                     {1, 0, 0x1f01ff, false},
		"handed down to others only": {0, 8 | 1 | 2, 0x1f01ff, false},
		"inherited":                  {0, 0x10, 0x1f01ff, true},
		"a kind with conditions":     {9, 0, 0x1f01ff, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mayChange(c.kind, c.flags, c.mask); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func extents(disks ...uint32) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(disks)))
	out = append(out, 0, 0, 0, 0)
	for _, d := range disks {
		out = binary.LittleEndian.AppendUint32(out, d)
		out = append(out, make([]byte, 20)...)
	}
	return out
}

func TestDisksBelowAVolume(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want []uint32
	}{
		"one":                            {extents(0), []uint32{0}},
		"a volume in three pieces":       {extents(1, 2, 1), []uint32{1, 2}},
		"none":                           {extents(), nil},
		"a head alone":                   {extents(0)[:8], nil},
		"cut off":                        {extents(0, 1)[:40], nil},
		"a number of pieces out of hand": {[]byte{255, 255, 255, 255, 0, 0, 0, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := diskExtents(c.data); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatTurnsByPenaltyAndBus(t *testing.T) {
	const sata, nvme, usb, virtualBus = 11, 17, 7, 14
	for name, c := range map[string]struct {
		penalty, asked         bool
		bus                    uint32
		rotating, doubtful, ok bool
	}{
		"a SATA disk":                         {true, true, sata, true, false, true},
		"a SATA SSD":                          {false, true, sata, false, false, true},
		"NVMe that does not answer":           {false, false, nvme, false, false, true},
		"NVMe behind a driver that lies":      {true, true, nvme, false, false, true},
		"a USB bridge that does not answer":   {false, false, usb, false, false, false},
		"a virtual disk":                      {true, true, virtualBus, true, true, true},
		"a virtual disk that does not answer": {false, false, virtualBus, false, true, false},
		"no bus and no answer":                {false, false, 0, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			rotating, doubtful, ok := turns(c.penalty, c.asked, c.bus)
			if ok != c.ok || ok && (rotating != c.rotating || doubtful != c.doubtful) {
				t.Errorf("got %v %v %v, want %v %v %v", rotating, doubtful, ok, c.rotating, c.doubtful, c.ok)
			}
		})
	}
}

func counters(read, write, idle, at int64, queued uint32) []byte {
	out := make([]byte, 88)
	for offset, v := range map[int]int64{16: read, 24: write, 32: idle, 56: at} {
		binary.LittleEndian.PutUint64(out[offset:], uint64(v))
	}
	binary.LittleEndian.PutUint32(out[48:], queued)
	return out
}

func TestDiskCountersMakeAverages(t *testing.T) {
	parse := func(data []byte) diskCounters {
		c, ok := parseDiskCounters(data)
		if !ok {
			t.Fatal("refused")
		}
		return c
	}
	a := parse(counters(1000, 2000, 5000, 10_000, 0))
	if depth, share, ok := counterRate(a, parse(counters(2000, 3000, 5500, 11_000, 4))); !ok || depth != 2 || share != 0.5 {
		t.Errorf("got %v %v %v, want 2 requests at half the time", depth, share, ok)
	}
	hung := parse(counters(1000, 2000, 5000, 10_000, 3))
	if depth, share, _ := counterRate(hung, parse(counters(1000, 2000, 5000, 11_000, 3))); depth != 3 || share != 1 {
		t.Errorf("a disk that hangs with three requests: got %v %v", depth, share)
	}
	for name, z := range map[string]diskCounters{"time stands still": a, "counters were reset": {waited: 1, idle: 1, at: 12_000}} {
		if _, _, ok := counterRate(a, z); ok {
			t.Errorf("%s: taken", name)
		}
	}
	if _, _, ok := counterRate(diskCounters{}, a); ok {
		t.Error("no look before: taken for an average since boot")
	}
}

func TestCoolingModes(t *testing.T) {
	for name, c := range map[string]struct {
		mode      byte
		limited   bool
		hot, none bool
		known     bool
	}{
		"fans first":                     {0, true, false, false, true},
		"slowed down, and it shows":      {1, true, true, false, true},
		"would slow down, and need not":  {1, false, false, false, true},
		"no thermal zone":                {2, false, false, true, true},
		"something that is not declared": {9, false, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			hot, none, why := cooling(c.mode, c.limited)
			if hot != c.hot || none != c.none || (why == "") != c.known {
				t.Errorf("got %v %v %q", hot, none, why)
			}
		})
	}
	cpu := make([]byte, 48)
	binary.LittleEndian.PutUint32(cpu[4:], 3000)
	binary.LittleEndian.PutUint32(cpu[12:], 3000)
	if limitedProcessors(cpu) {
		t.Error("nothing is limited")
	}
	binary.LittleEndian.PutUint32(cpu[24+4:], 3000)
	binary.LittleEndian.PutUint32(cpu[24+12:], 1800)
	if !limitedProcessors(cpu) {
		t.Error("the second processor is limited")
	}
}

// FuzzWindowsAnswers feeds the same bytes to everything that reads what
// Windows' drivers and registry say.
func FuzzWindowsAnswers(f *testing.F) {
	f.Add(extents(0, 1), counters(1, 2, 3, 4, 5))
	f.Add(multiString("a", "b"), make([]byte, 88))
	f.Fuzz(func(t *testing.T, data, more []byte) {
		if n := len(diskExtents(data)); n > len(data)/24 {
			t.Errorf("%d disks in %d bytes", n, len(data))
		}
		a, ok1 := parseDiskCounters(data)
		z, ok2 := parseDiskCounters(more)
		if depth, share, ok := counterRate(a, z); ok1 && ok2 && ok && (depth < 0 || share < 0 || share > 1) {
			t.Errorf("depth %v, share %v", depth, share)
		}
		if pendingRenames(data) && len(data) < 4 {
			t.Error("two names in less than two characters")
		}
		_, _ = busType(data)
		_ = limitedProcessors(data)
		if len(data) >= 4 {
			b := oneBatch()
			powerStatus{data[0], data[1], data[2], data[3]}.store(b)
			if b.got(onAC) == true && data[0] == 0 && data[1]&8 == 0 {
				t.Errorf("%v: on AC without a line or a charge", data[:4])
			}
		}
	})
}
