package facts

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"
)

// darwinStorage asks the registry about the disk below the target's volume.
type darwinStorage struct{ registry question[macDisk] }

type macDisk struct {
	characteristics any
	err             error
}

var (
	fromStatfs = &origin{"statfs", good}
	fromDisk   = &origin{"device characteristics", good}
)

func (*darwinStorage) facts() []fact { return []fact{rotational, readOnly, filesystem} }

func (s *darwinStorage) collect(ctx context.Context, b *batch) {
	var st unix.Statfs_t
	if err := unix.Statfs(existingAncestor(b.path), &st); err != nil {
		b.unknownAll("statfs: "+err.Error(), s.facts()...)
		return
	}
	b.text(filesystem, strings.ToLower(unix.ByteSliceToString(st.Fstypename[:])), fromStatfs)
	b.bool(readOnly, st.Flags&unix.MNT_RDONLY != 0, fromStatfs)
	if b.wants(rotational) {
		s.collectTurning(ctx, b, unix.ByteSliceToString(st.Mntfromname[:]))
	}
}

func (s *darwinStorage) collectTurning(ctx context.Context, b *batch, device string) {
	name, ok := strings.CutPrefix(device, "/dev/")
	if !ok {
		b.unknown(rotational, "the volume is not on a disk of this machine")
		return
	}
	m, err := s.registry.ask(ctx, func() macDisk { return askMacDisk(name) })
	if err == nil {
		err = m.err
	}
	if err != nil {
		b.unknown(rotational, "I/O registry: "+err.Error())
		return
	}
	if turning, ok := macTurns(m.characteristics); ok {
		b.bool(rotational, turning, fromDisk)
		return
	}
	b.unknown(rotational, "the disk does not tell its medium")
}

// askMacDisk looks up from the volume to the device that has characteristics.
func askMacDisk(name string) macDisk {
	f, err := loadFrameworks()
	if err != nil {
		return macDisk{err: err}
	}
	return macDisk{characteristics: f.property(f.matchingService(0, f.matchingBSD(0, 0, name)), "Device Characteristics", true)}
}

func (*darwinStorage) close() error { return nil }
