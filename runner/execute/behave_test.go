package execute

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// behave is what the test updater can do; it returns its exit status.
func behave(what string, args []string) int {
	switch what {
	case "exit":
		n, _ := strconv.Atoi(args[0])
		return n
	case "env":
		for _, kv := range os.Environ() {
			fmt.Println(kv)
		}
		wd, _ := os.Getwd()
		fmt.Println("cwd=" + wd)
		return 0
	case "say": // lines for the channel, then the exit status
		n, _ := strconv.Atoi(args[0])
		ch := channel()
		for _, l := range args[1:] {
			fmt.Fprintln(ch, l)
		}
		return n
	case "spam":
		n, _ := strconv.Atoi(args[0])
		ch := channel()
		for range n {
			fmt.Fprintln(ch, args[1])
		}
		return 0
	case "print":
		n, _ := strconv.Atoi(args[0])
		fmt.Print(strings.Repeat("x", n))
		return 0
	case "echo": // tells on stdout what it hears, and obeys a cancel
		return echo()
	case "sleep":
		time.Sleep(time.Hour)
		return 0
	case "count": // writes a growing number into a file, which is never empty once it has one
		f, err := os.Create(args[0])
		if err != nil {
			return 1
		}
		for i := 0; ; i++ {
			_, _ = f.WriteAt(fmt.Appendf(nil, "%09d", i), 0)
			time.Sleep(2 * time.Millisecond)
		}
	}
	return behaveHere(what, args)
}

func channel() *os.File {
	fd, err := strconv.Atoi(os.Getenv("LULL_FD"))
	if err != nil {
		panic("LULL_FD is " + os.Getenv("LULL_FD"))
	}
	return os.NewFile(uintptr(fd), "channel")
}

func echo() int {
	ch := channel()
	fmt.Fprintln(ch, `{"progress":{"current":1,"total":2}}`)
	in := bufio.NewScanner(io.Reader(ch))
	for in.Scan() {
		fmt.Println(in.Text())
		if strings.Contains(in.Text(), "cancel") {
			fmt.Fprintln(ch, `{"result":"canceled","message":"as asked"}`)
			return 1
		}
	}
	return 0
}
