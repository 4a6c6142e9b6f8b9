//go:build unix

package trust

import "syscall"

// nonBlocking opens FIFOs and terminals without waiting for anybody.
const nonBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY
