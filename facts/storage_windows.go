package facts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// windowsStorage knows the volume a target lies on and the disks below it.
type windowsStorage struct{ volumes map[string]*windowsVolume } // by target path

var (
	fromVolume       = &origin{"volume", good}
	fromPenalty      = &origin{"seek penalty", good}
	fromVirtualDisk  = &origin{"seek penalty of a virtual disk", poor}
	fromCounters     = &origin{"disk performance counters", good}
	windowsDiskFacts = []fact{rotational, queueDepth, ioBusy}
	windowsVolFacts  = []fact{rotational, queueDepth, ioBusy, freeBytes, totalBytes, readOnly, filesystem}
)

// windowsVolume is a volume and what is known of its disks for good.
type windowsVolume struct {
	root   string // with a backslash at its end: C:\ or C:\mounted\
	disks  []uint32
	err    error // why disks is not known
	last   map[uint32]diskCounters
	rate   rate
	busy   float64
	remote bool
}

func (*windowsStorage) facts() []fact { return windowsVolFacts }

func (s *windowsStorage) volume(target string) (*windowsVolume, error) {
	if v := s.volumes[target]; v != nil {
		return v, nil
	}
	root, err := volumeRoot(existingAncestor(target))
	if err != nil {
		return nil, err
	}
	v := &windowsVolume{root: root}
	if v.remote = isRemote(root); !v.remote {
		v.disks, v.err = disksOf(root)
	}
	if len(s.volumes) > 64 {
		s.volumes = nil
	}
	if s.volumes == nil {
		s.volumes = map[string]*windowsVolume{}
	}
	s.volumes[target] = v
	return v, nil
}

func (s *windowsStorage) collect(_ context.Context, b *batch) {
	v, err := s.volume(b.path)
	if err != nil {
		b.unknownAll("the volume: "+err.Error(), windowsVolFacts...)
		return
	}
	v.collectSpace(b)
	v.collectKind(b)
	switch {
	case v.remote:
		b.unknownAll("the volume is on the network, on disks of another machine", windowsDiskFacts...)
	case v.err != nil:
		b.unknownAll(v.err.Error(), windowsDiskFacts...)
	default:
		v.collectTurning(b)
		v.collectLoad(b)
	}
}

func (v *windowsVolume) collectSpace(b *batch) {
	if !b.wantsAny(freeBytes, totalBytes) {
		return
	}
	var free, total, all uint64
	name, err := windows.UTF16PtrFromString(v.root)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, &total, &all)
	}
	if err != nil {
		b.unknownAll("GetDiskFreeSpaceEx: "+err.Error(), freeBytes, totalBytes)
		return
	}
	b.int(freeBytes, int64(free), fromVolume)
	b.int(totalBytes, int64(total), fromVolume)
}

func (v *windowsVolume) collectKind(b *batch) {
	if !b.wantsAny(readOnly, filesystem) {
		return
	}
	var flags uint32
	var kind [windows.MAX_PATH + 1]uint16
	name, err := windows.UTF16PtrFromString(v.root)
	if err == nil {
		err = windows.GetVolumeInformation(name, nil, 0, nil, nil, &flags, &kind[0], uint32(len(kind)))
	}
	if err != nil {
		b.unknownAll("GetVolumeInformation: "+err.Error(), readOnly, filesystem)
		return
	}
	b.bool(readOnly, flags&windows.FILE_READ_ONLY_VOLUME != 0, fromVolume)
	b.text(filesystem, strings.ToLower(windows.UTF16ToString(kind[:])), fromVolume)
}

// collectTurning asks every disk: one that turns is enough.
func (v *windowsVolume) collectTurning(b *batch) {
	if !b.wants(rotational) {
		return
	}
	from, any := fromPenalty, false
	for _, disk := range v.disks {
		penalty, bus, err := askDisk(disk)
		rotating, doubtful, ok := turns(penalty, err == nil, bus)
		if !ok {
			b.unknown(rotational, fmt.Sprintf("disk %d does not say whether it turns: %v", disk, err))
			return
		}
		if doubtful {
			from = fromVirtualDisk
		}
		any = any || rotating
	}
	b.bool(rotational, any, from)
}

func (v *windowsVolume) collectLoad(b *batch) {
	if !b.wantsAny(queueDepth, ioBusy) {
		return
	}
	var err error
	if v.rate.due(b) {
		var depth float64
		var ok bool
		depth, v.busy, ok, err = v.look()
		v.rate.set(depth, ok, b.now.boot)
	}
	if err != nil {
		b.unknownAll(err.Error(), queueDepth, ioBusy)
		return
	}
	v.rate.store(b, queueDepth, fromCounters)
	if v.rate.ok {
		b.number(ioBusy, v.busy, fromCounters)
		return
	}
	b.unknown(ioBusy, "no two usable looks at "+fromCounters.source+" yet")
}

// look reads the counters of every disk and gives the busiest one's averages
// since the look before; ok is false when there are none yet.
func (v *windowsVolume) look() (depth, share float64, ok bool, err error) {
	before, now := v.last, map[uint32]diskCounters{}
	v.last, ok = nil, len(v.disks) > 0
	for _, disk := range v.disks {
		data, err := askDevice(diskPath(disk), ioctlDiskPerformance, nil, 88)
		if err != nil {
			return 0, 0, false, fmt.Errorf("counters of disk %d: %w", disk, err)
		}
		c, valid := parseDiskCounters(data)
		d, s, both := counterRate(before[disk], c)
		depth, share, ok = max(depth, d), max(share, s), ok && valid && both
		now[disk] = c
	}
	v.last = now
	return depth, share, ok, nil
}

func (*windowsStorage) close() error { return nil }

// volumeRoot is the mount point that path lies below.
func volumeRoot(path string) (string, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return "", err
	}
	var root [windows.MAX_LONG_PATH]uint16
	if err := windows.GetVolumePathName(name, &root[0], uint32(len(root))); err != nil {
		return "", err
	}
	return windows.UTF16ToString(root[:]), nil
}

func isRemote(root string) bool {
	name, err := windows.UTF16PtrFromString(root)
	return err == nil && windows.GetDriveType(name) == windows.DRIVE_REMOTE
}

const (
	ioctlDiskPerformance = 0x70020
	ioctlVolumeExtents   = 0x560000
	ioctlStorageProperty = 0x2d1400
)

// disksOf lists the disks below a volume. A volume mounted in a directory has
// no letter, so it is asked by the name that the system gave it.
func disksOf(root string) ([]uint32, error) {
	device := `\\.\` + strings.TrimSuffix(filepath.VolumeName(root), `\`)
	var unique [64]uint16
	if name, err := windows.UTF16PtrFromString(root); err == nil && windows.GetVolumeNameForVolumeMountPoint(name, &unique[0], uint32(len(unique))) == nil {
		device = strings.TrimSuffix(windows.UTF16ToString(unique[:]), `\`)
	}
	data, err := askDevice(device, ioctlVolumeExtents, nil, 8+24*64)
	if err != nil {
		return nil, fmt.Errorf("the volume does not tell its disks: %w", err)
	}
	disks := diskExtents(data)
	if disks == nil {
		return nil, errors.New("the volume does not tell its disks")
	}
	return disks, nil
}

// askDisk asks for the seek penalty and the bus. err is that of the penalty;
// bus is 0, unknown, where it is not told.
func askDisk(disk uint32) (penalty bool, bus uint32, err error) {
	const device, seekPenalty = 0, 7
	path := diskPath(disk)
	if data, err := askDevice(path, ioctlStorageProperty, propertyQuery(device), 1024); err == nil {
		bus, _ = busType(data)
	}
	data, err := askDevice(path, ioctlStorageProperty, propertyQuery(seekPenalty), 12)
	if err == nil && len(data) < 9 {
		err = errors.New("a short answer")
	}
	return err == nil && data[8] != 0, bus, err
}

func diskPath(disk uint32) string { return fmt.Sprintf(`\\.\PhysicalDrive%d`, disk) }

// propertyQuery is STORAGE_PROPERTY_QUERY, the standard one.
func propertyQuery(id byte) []byte { return []byte{id, 11: 0} }

// askDevice sends a control code that needs no right to the device's contents.
func askDevice(path string, code uint32, in []byte, size int) ([]byte, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	out := make([]byte, size)
	var n uint32
	err = windows.DeviceIoControl(h, code, unsafe.SliceData(in), uint32(len(in)), &out[0], uint32(size), &n, nil)
	if err != nil {
		return nil, err
	}
	return out[:min(int(n), size)], nil
}
