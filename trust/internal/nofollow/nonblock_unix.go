//go:build unix && !linux

package nofollow

import "syscall"

const nonBlock = syscall.O_NONBLOCK | syscall.O_NOCTTY
