package trust

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// DefaultInterpreters are the programs that a #! line may name. An interpreter
// is not part of the package, so it is as trusted as what runs in it; the list
// keeps it to what the system itself provides. With /usr/bin/env, the name after
// it must be the base name of one of them.
var DefaultInterpreters = []string{
	"/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/dash", "/usr/bin/dash",
	"/usr/bin/python3", "/usr/bin/perl", "/usr/bin/env",
}

// scriptHead is how much of a file is looked at for its #! line, as in Linux.
const scriptHead = 256

// checkScript refuses a script whose interpreter is not allowed.
func checkScript(path string, head []byte, allowed []string) *Error {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return nil
	}
	line, _, whole := bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	remedy := "use one of " + strings.Join(allowed, ", ")
	switch {
	case !whole && len(head) >= scriptHead:
		return refuse(ErrInterpreter, path, "the #! line is too long", remedy)
	case len(words) == 0 || !slices.Contains(allowed, words[0]):
		return refuse(ErrInterpreter, path, fmt.Sprintf("%q", clip(string(line))), remedy)
	case strings.HasSuffix(words[0], "/env") && (len(words) != 2 || !baseAllowed(words[1], allowed)):
		return refuse(ErrInterpreter, path, fmt.Sprintf("%q", clip(string(line))), "name one interpreter after env, without options")
	}
	return nil
}

func baseAllowed(name string, allowed []string) bool {
	return name != "env" && slices.ContainsFunc(allowed, func(p string) bool { return p[strings.LastIndexByte(p, '/')+1:] == name })
}
