package engine

import "fmt"

// nearest returns the name among names that is the fewest edits away from
// wrong, or "" when none is near enough to be what was meant.
func nearest(wrong string, names []string) string {
	best, limit := "", max(2, len(wrong)/3)+1
	for _, n := range names {
		if d := editDistance(wrong, n); d < limit && n != wrong {
			best, limit = n, d
		}
	}
	return best
}

// didYouMean is the hint that names the nearest right name, or otherwise.
func didYouMean(wrong string, names []string, otherwise string) string {
	if n := nearest(wrong, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return otherwise
}

// editDistance is the Levenshtein distance with a swap of two neighbours
// counted as one edit (optimal string alignment).
func editDistance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
