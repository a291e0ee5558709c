package answer

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/cli/console"
)

// choices writes the answers to one request one below the other. The first that
// is not finished is written as it comes, the others wait for their turn.
type choices struct {
	n     int
	sheet func() console.Sheet
	rule  func(choice int) error // comes before each answer when there are several

	current int
	open    console.Sheet // of the current choice; nil before its first piece
	waiting map[int]*strings.Builder
	ended   map[int]bool
}

func (c *choices) print(choice int, piece string) error {
	if choice == c.current {
		return c.write(piece)
	}
	if c.waiting == nil {
		c.waiting = map[int]*strings.Builder{}
	}
	if c.waiting[choice] == nil {
		c.waiting[choice] = &strings.Builder{}
	}
	c.waiting[choice].WriteString(piece)
	return nil
}

func (c *choices) write(piece string) error {
	if c.open == nil {
		if c.n > 1 {
			if err := c.rule(c.current); err != nil {
				return err
			}
		}
		c.open = c.sheet()
	}
	return c.open.Print(piece)
}

// finish ends a choice, and with the current one all that have waited for it.
func (c *choices) finish(choice int) error {
	if c.ended == nil {
		c.ended = map[int]bool{}
	}
	c.ended[choice] = true
	for c.ended[c.current] {
		if err := c.close(); err != nil {
			return err
		}
		c.current++
		if text := c.waiting[c.current]; text != nil {
			delete(c.waiting, c.current)
			if err := c.write(text.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends what has been written, also when the answer broke off.
func (c *choices) close() error {
	if c.open == nil {
		return nil
	}
	s := c.open
	c.open = nil
	return s.Close()
}

// choiceRule is the line before an answer when there are several.
func choiceRule(con *console.Console, n int) func(choice int) error {
	return func(choice int) error {
		before := "\n"
		if choice == 0 {
			before = ""
		}
		_, err := fmt.Fprintf(con.Stdout, "%s── %d of %d ──\n", before, choice+1, n)
		return err
	}
}
