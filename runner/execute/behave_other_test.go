//go:build !linux

package execute

func behaveHere(string, []string) int { return 99 }
func less()                           {}

func daemon([]string) int { return 99 }
