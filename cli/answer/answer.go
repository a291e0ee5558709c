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
	begun   bool          // the rule of the current choice is written
	open    console.Sheet // of the current choice; nil before its first piece
	waiting map[int]*strings.Builder
	ended   map[int]bool
	given   map[int]bool // choices that have text
}

func (c *choices) print(choice int, piece string) error {
	if c.given == nil {
		c.given, c.waiting = map[int]bool{}, map[int]*strings.Builder{}
	}
	c.given[choice] = true
	if choice == c.current {
		return c.write(piece)
	}
	if c.waiting[choice] == nil {
		c.waiting[choice] = &strings.Builder{}
	}
	c.waiting[choice].WriteString(piece)
	return nil
}

func (c *choices) write(piece string) error {
	if err := c.begin(); err != nil {
		return err
	}
	if c.open == nil {
		c.open = c.sheet()
	}
	return c.open.Print(piece)
}

func (c *choices) begin() error {
	if c.begun || c.n <= 1 {
		return nil
	}
	c.begun = true
	return c.rule(c.current)
}

// finish ends a choice, and with the current one all that have waited for it.
func (c *choices) finish(choice int) error {
	if c.ended == nil {
		c.ended = map[int]bool{}
	}
	c.ended[choice] = true
	for c.ended[c.current] {
		if err := c.begin(); err != nil {
			return err
		}
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

// next ends the current choice, and writes what has come of the one after it.
func (c *choices) next() error {
	if err := c.closeSheet(); err != nil {
		return err
	}
	c.current++
	c.begun = false
	if text := c.waiting[c.current]; text != nil {
		delete(c.waiting, c.current)
		return c.write(text.String())
	}
	return nil
}

// close writes what waits, also when the answer broke off.
func (c *choices) close() error {
	for len(c.waiting) > 0 {
		if err := c.next(); err != nil {
			return err
		}
	}
	return c.closeSheet()
}

func (c *choices) closeSheet() error {
	if c.open == nil {
		return nil
	}
	s := c.open
	c.open = nil
	return s.Close()
}

// choiceRule is the line before an answer when there are several.
func choiceRule(con *console.Console, n int) func(choice int) error {
	first := true
	return func(choice int) error {
		before := "\n"
		if first {
			before, first = "", false
		}
		_, err := fmt.Fprintf(con.Stdout, "%s── %d of %d ──\n", before, choice+1, n)
		return err
	}
}
