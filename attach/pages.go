package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/units"
)

const (
	// MaxDocument is the largest document, in bytes.
	MaxDocument = 100_000_000
	// pageTime is the time limit for drawing a page.
	pageTime = time.Minute
	// pagePixels is the longer side of a page's image: the largest that any of
	// Mistral's vision encoders sees.
	pagePixels = 1540
	// MaxPages is how many pages are taken unless the user names them.
	MaxPages = 8
)

// A Range is pages of a document, counted from 1, with the last one.
type Range struct{ First, Last int }

// ParsePages parses page numbers: 3, 1-4 or 2,5-7. An open range such as 5- has Last
// 0 and goes to the last page.
func ParsePages(s string) ([]Range, error) {
	var list []Range
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		r := Range{}
		var err error
		r.First, err = strconv.Atoi(first)
		switch {
		case err != nil:
		case !ranged:
			r.Last = r.First
		case last != "":
			if r.Last, err = strconv.Atoi(last); err == nil && r.Last < r.First {
				err = errors.New("backwards")
			}
		}
		if err != nil || r.First < 1 {
			return nil, fmt.Errorf("invalid pages %q: want numbers and ranges such as 3 or 1-4,7", s)
		}
		list = append(list, r)
	}
	return list, nil
}

// Pages draws pages of a PDF with Poppler's programs: those in the list, or the first
// [MaxPages] if it is empty. Of is how many pages the document has.
func Pages(ctx context.Context, name string, data []byte, list []Range) (images []Image, of int, err error) {
	if len(data) > MaxDocument {
		return nil, 0, refused(name, "Extract the pages that matter.", "it is larger than %s", units.Size(MaxDocument))
	}
	for _, program := range []string{"pdfinfo", "pdftoppm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, 0, refused(name, howPoppler(), "%s is not installed, which draws the pages", program)
		}
	}
	if of, err = pageCount(ctx, name, data); err != nil {
		return nil, 0, err
	}
	numbers, err := chosenPages(name, list, of)
	if err != nil {
		return nil, of, err
	}
	for _, n := range numbers {
		page := fmt.Sprintf("%s, page %d", name, n)
		file, err := drawPage(ctx, page, data, n)
		if err != nil {
			return nil, of, err
		}
		p, err := ReadImage(page, file)
		if err != nil {
			return nil, of, err
		}
		p.Format = "PDF"
		images = append(images, p)
	}
	return images, of, nil
}

func howPoppler() string {
	switch runtime.GOOS {
	case "darwin":
		return "Install it with brew install poppler, or save the pages as images."
	case "linux":
		return "Install poppler-utils (Debian, Fedora) or poppler (Arch), or save the pages as images."
	}
	return "Install Poppler, or save the pages as images."
}

// chosenPages returns the numbers of the pages to draw.
func chosenPages(name string, list []Range, of int) ([]int, error) {
	if len(list) == 0 {
		list = []Range{{1, min(of, MaxPages)}}
	}
	var numbers []int
	for _, r := range list {
		last := r.Last
		if last == 0 {
			last = of
		}
		if last > of || r.First > of {
			return nil, refused(name, fmt.Sprintf("Name pages from 1 to %d.", of), "it has no page %d", max(last, r.First))
		}
		for n := r.First; n <= last; n++ {
			numbers = append(numbers, n)
		}
	}
	const most = 64 // that an engine takes in one request
	if len(numbers) > most {
		return nil, refused(name, "Name fewer pages.", "%d pages are more than the %d of one request", len(numbers), most)
	}
	return numbers, nil
}

var pagesLine = regexp.MustCompile(`(?m)^Pages:\s+(\d+)`)

func pageCount(ctx context.Context, name string, data []byte) (int, error) {
	out, err := poppler(ctx, name, data, 1_000_000, "pdfinfo", "-")
	if err != nil {
		return 0, err
	}
	if m := pagesLine.FindSubmatch(out); m != nil {
		if n, err := strconv.Atoi(string(m[1])); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, refused(name, "", "it has no pages")
}

func drawPage(ctx context.Context, page string, data []byte, n int) ([]byte, error) {
	number := strconv.Itoa(n)
	return poppler(ctx, page, data, MaxImage, "pdftoppm", "-png", "-f", number, "-l", number, "-singlefile", "-scale-to", strconv.Itoa(pagePixels), "-")
}

// poppler runs one of Poppler's programs on a document.
func poppler(ctx context.Context, name string, data []byte, limit int64, program string, args ...string) ([]byte, error) {
	timed, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	cmd := exec.CommandContext(timed, program, args...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := output(cmd, limit)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case timed.Err() != nil:
		return nil, refused(name, "Save the page as an image.", "%s took longer than %s", program, pageTime)
	}
	why := err.Error()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		if said := firstLine(string(e.Stderr)); said != "" {
			why = said
		}
	}
	return nil, refused(name, "Open it with another program and save it again.", "%s: %s", program, why)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
