package execute

func behaveHere(what string, args []string) int { return 99 }
