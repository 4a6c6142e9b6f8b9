//go:build !linux

package cli

// dropProgramPages: other systems take back clean pages by themselves.
func dropProgramPages() {}
