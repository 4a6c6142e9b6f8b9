//go:build !linux

package main

var (
	firstDecision = unmeasured("is measured on Linux only")
	idle          = unmeasured("is measured on Linux only")
	verify1G      = unmeasured("is measured on Linux only")
)
