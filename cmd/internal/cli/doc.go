// Package cli is lull's command line: one file cmd_<verb>.go per verb.
//
// Results go to standard output, talk goes to standard error. Every reading
// command takes -o text, json or yaml; the JSON documents carry apiVersion and
// kind, and only gain members within one apiVersion. Text is for people and
// may change.
//
// An error is one line "lull: error: …", followed where it helps by one line
// "lull: hint: …" with what to type next. The exit status says what kind of
// end it was:
//
//	0    done
//	1    failed
//	2    the command line is wrong
//	3    partly done
//	10   not eligible now (a verdict of wait)
//	11   not trusted, or denied
//	12   the daemon is not reachable
//	13   the policies are broken
//	130  interrupted
//
// facts, decide, validate, verify, pack, policy and version work without a
// daemon. history reads the journal itself when no daemon answers. All others
// ask the daemon over its socket.
package cli
