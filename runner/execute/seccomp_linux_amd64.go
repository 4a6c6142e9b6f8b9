package execute

import "golang.org/x/sys/unix"

const (
	nativeArch  = unix.AUDIT_ARCH_X86_64
	foreignBit  = 0x40000000 // x32
	nativeMknod = unix.SYS_MKNOD
)

// deniedHere are the calls that only this architecture has.
var deniedHere = []uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS__SYSCTL, unix.SYS_CREATE_MODULE}

// argRulesHere are the older forms of the calls in argRules.
var argRulesHere = []argRule{
	{nr: unix.SYS_CHMOD, arg: 1, bits: setIDs},
	{nr: unix.SYS_MKDIR, arg: 1, bits: setIDs},
	{nr: unix.SYS_MKNOD, arg: 1, bits: setIDs},
	{nr: unix.SYS_CREAT, arg: 1, bits: setIDs},
	{nr: unix.SYS_OPEN, arg: 2, bits: setIDs, when: 1, with: creates},
}
