package diff

import (
	"fmt"
	"strings"
)

// String formats the file for git apply. For a binary change, it has only the paths.
func (f *File) String() string {
	var b strings.Builder
	old, new := f.Old, f.New
	if old == "" {
		old = new
	}
	if new == "" {
		new = old
	}
	fmt.Fprintf(&b, "diff --git %s %s\n", quote("a/"+old), quote("b/"+new))
	switch f.Kind {
	case Added:
		fmt.Fprintf(&b, "new file mode %s\n", orRegular(f.NewMode))
	case Deleted:
		fmt.Fprintf(&b, "deleted file mode %s\n", orRegular(f.OldMode))
	default:
		if f.OldMode != "" && f.NewMode != "" {
			fmt.Fprintf(&b, "old mode %s\nnew mode %s\n", f.OldMode, f.NewMode)
		}
		if f.Kind == Renamed || f.Kind == Copied {
			verb := map[Kind]string{Renamed: "rename", Copied: "copy"}[f.Kind]
			fmt.Fprintf(&b, "%s from %s\n%s to %s\n", verb, quote(old), verb, quote(new))
		}
	}
	from, to := sideName("a/", f.Old), sideName("b/", f.New)
	if f.Binary {
		fmt.Fprintf(&b, "Binary files %s and %s differ\n", from, to)
	} else if len(f.Hunks) > 0 {
		fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
		for _, h := range f.Hunks {
			h.write(&b)
		}
	}
	return b.String()
}

func orRegular(mode string) string {
	if mode == "" {
		return "100644"
	}
	return mode
}

// sideName formats the path after --- or +++. A tab follows a path with spaces, which
// patch(1) would truncate otherwise.
func sideName(prefix, path string) string {
	if path == "" {
		return "/dev/null"
	}
	q := quote(prefix + path)
	if strings.Contains(q, " ") && !strings.HasPrefix(q, `"`) {
		q += "\t"
	}
	return q
}

func (h *Hunk) write(b *strings.Builder) {
	fmt.Fprintf(b, "@@ -%s +%s @@", h.Old, h.New)
	if h.Section != "" {
		b.WriteString(" " + h.Section)
	}
	b.WriteByte('\n')
	for _, l := range h.Lines {
		b.WriteByte(byte(l.Op))
		b.WriteString(l.Text)
		b.WriteByte('\n')
		if l.NoEnd {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
}

// String formats the span for a hunk header: "3,4", or "3" for a single line.
func (s Span) String() string {
	if s.Count == 1 {
		return fmt.Sprint(s.Start)
	}
	return fmt.Sprintf("%d,%d", s.Start, s.Count)
}
