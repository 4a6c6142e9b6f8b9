package execute

import "golang.org/x/sys/unix"

const (
	nativeArch  = unix.AUDIT_ARCH_AARCH64
	foreignBit  = 0
	nativeMknod = 0
)

// The older forms of the calls do not exist on this architecture.
var (
	deniedHere   []uint32
	argRulesHere []argRule
)
