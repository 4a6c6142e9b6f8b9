//go:build !linux

package execute

func behaveHere(string, []string) int { return 99 }
