// A complete updater in Go: CGO_ENABLED=0 go build -trimpath -o bin/updater .
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

const document = "reader.update.json"

func main() {
	actions := map[string]func(where string) error{"scan": scan, "download": download, "install": install, "complete": complete}
	if len(os.Args) != 3 || actions[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: updater scan|download FEED, or install|complete DIR")
		os.Exit(64)
	}
	if err := actions[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func scan(feed string) error {
	for _, name := range []string{document, document + ".sigstore.json"} {
		if err := fetch(feed+"/"+name, filepath.Join(os.Getenv("LULL_STAGE_DIR"), name)); err != nil {
			return err
		}
	}
	answer, err := get(feed + "/scan.json")
	if err != nil {
		return err
	}
	defer answer.Close()
	_, err = io.Copy(os.Stdout, answer)
	return err
}

func download(feed string) error {
	return fetch(feed+"/reader.bin", filepath.Join(os.Getenv("LULL_STAGE_DIR"), "reader.bin"))
}

// install makes the new file appear whole or not at all, so it may run again.
func install(home string) error {
	data, err := os.ReadFile(filepath.Join(os.Getenv("LULL_ARTIFACT_DIR"), "reader.bin"))
	if err != nil {
		return err
	}
	temporary := filepath.Join(home, ".reader.new")
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(home, "reader.bin"))
}

func complete(home string) error {
	info, err := os.Stat(filepath.Join(home, "reader.bin"))
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("the installed file is empty")
	}
	return err
}

func get(url string) (io.ReadCloser, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return answer.Body, nil
}

func fetch(url, path string) error {
	body, err := get(url)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
