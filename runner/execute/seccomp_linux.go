//go:build linux && (amd64 || arm64)

package execute

import (
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The system call filter. It is a deny list, put together by hand, because the
// libraries for it let foreign architectures through: a call that is not of the
// native table (int 0x80, x32) ends the process.
//
// What programs of vendors legitimately do is not listed anywhere, so an allow list
// would break them on the next kernel or C library. What is denied here is what an
// updater has no business with: loading code into the kernel, mounting, namespaces,
// tracing others, clocks, swap, raw devices, set-uid files, io_uring (which would
// go around the filter), and, without the network, every socket but unix ones.

// Values of seccomp(2) returned by a filter.
const (
	retAllow = 0x7fff0000
	retKill  = 0x80000000
	retErrno = 0x00050000
)

// Offsets in struct seccomp_data (linux/seccomp.h); arguments are little-endian pairs.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

func deny(errno unix.Errno) bpf.Instruction { return bpf.RetConstant{Val: retErrno | uint32(errno)} }

// setIDs are the mode bits that turn a file into someone else's authority.
const setIDs = unix.S_ISUID | unix.S_ISGID

// namespaces are the flags of clone(2) that make new ones.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// argRule denies a call by one of its arguments.
type argRule struct {
	nr   uint32
	arg  int
	bits uint32 // denied when any of them is set
	when int    // only if argument when has any of the bits if…
	with uint32 // …with is not zero
}

// filterProgram is the whole filter.
func filterProgram(network bool) []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: nativeArch, SkipTrue: 1},
		bpf.RetConstant{Val: retKill},
		bpf.LoadAbsolute{Off: offNr, Size: 4},
	}
	if foreignBit != 0 {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: foreignBit, SkipTrue: 1}, bpf.RetConstant{Val: retKill})
	}
	for _, nr := range append(deniedCalls, deniedHere...) {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nr, SkipTrue: 1}, deny(unix.EPERM))
	}
	for _, nr := range []uint32{unix.SYS_CLONE3, unix.SYS_OPENAT2} { // callers fall back to what can be looked at
		p = append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nr, SkipTrue: 1}, deny(unix.ENOSYS))
	}
	for _, r := range append(argRules, argRulesHere...) {
		p = append(p, r.compile()...)
	}
	p = append(p, nodeRule(unix.SYS_MKNODAT, 2)...)
	if nativeMknod != 0 {
		p = append(p, nodeRule(nativeMknod, 1)...)
	}
	p = append(p, ioctlRule()...)
	p = append(p, socketRule(network)...)
	return append(p, bpf.RetConstant{Val: retAllow})
}

func loadArg(n int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(offArgs + 8*n), Size: 4} }

// guarded runs a body, which must end in the number being loaded again, for one call only.
func guarded(nr uint32, body ...bpf.Instruction) []bpf.Instruction {
	body = append(body, bpf.LoadAbsolute{Off: offNr, Size: 4})
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nr, SkipTrue: uint8(len(body))}}, body...)
}

func (r argRule) compile() []bpf.Instruction {
	test := []bpf.Instruction{loadArg(r.arg), bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: r.bits, SkipTrue: 1}, deny(unix.EPERM)}
	if r.with != 0 {
		test = append([]bpf.Instruction{loadArg(r.when), bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: r.with, SkipTrue: uint8(len(test))}}, test...)
	}
	return guarded(r.nr, test...)
}

// nodeRule refuses device nodes; pipes, sockets and plain files are fine.
func nodeRule(nr uint32, arg int) []bpf.Instruction {
	return guarded(nr, loadArg(arg), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: unix.S_IFMT},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.S_IFCHR, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.S_IFBLK, SkipTrue: 1}, deny(unix.EPERM))
}

// ioctlRule refuses typing into somebody's terminal.
func ioctlRule() []bpf.Instruction {
	const tioclinux = 0x541c
	return guarded(unix.SYS_IOCTL, loadArg(1), bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCSTI, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: tioclinux, SkipTrue: 1}, deny(unix.EPERM))
}

// socketRule leaves unix sockets, and with the network the two internet families
// and the netlink that resolvers ask for addresses.
func socketRule(network bool) []bpf.Instruction {
	families := []uint32{unix.AF_UNIX}
	if network {
		families = append(families, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK)
	}
	body := []bpf.Instruction{loadArg(0)}
	for i, f := range families {
		body = append(body, bpf.JumpIf{Cond: bpf.JumpEqual, Val: f, SkipTrue: uint8(len(families) - i)})
	}
	return guarded(unix.SYS_SOCKET, append(body, deny(unix.EAFNOSUPPORT))...)
}

// filterCalls puts the filter on this thread, for good.
func filterCalls(network bool) error {
	raw, err := bpf.Assemble(filterProgram(network))
	if err != nil {
		return err
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&f)), 0, 0)
}

// deniedCalls are refused whatever their arguments, on every architecture.
var deniedCalls = []uint32{
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_REBOOT, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD, unix.SYS_PROCESS_MADVISE,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_NFSSERVCTL,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_VHANGUP, unix.SYS_SYSLOG, unix.SYS_LOOKUP_DCOOKIE,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_MBIND, unix.SYS_SET_MEMPOLICY,
}

// argRules: set-id modes in every call that can set a mode, new namespaces in clone.
var argRules = []argRule{
	{nr: unix.SYS_CLONE, arg: 0, bits: namespaces},
	{nr: unix.SYS_FCHMOD, arg: 1, bits: setIDs},
	{nr: unix.SYS_FCHMODAT, arg: 2, bits: setIDs},
	{nr: unix.SYS_FCHMODAT2, arg: 2, bits: setIDs},
	{nr: unix.SYS_MKDIRAT, arg: 2, bits: setIDs},
	{nr: unix.SYS_MKNODAT, arg: 2, bits: setIDs},
	{nr: unix.SYS_OPENAT, arg: 3, bits: setIDs, when: 2, with: creates},
}

// creates are the flags of open(2) with which it looks at the mode at all.
const creates = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY
