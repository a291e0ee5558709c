// Package past has the commands for the conversations that are saved: bise history.
package past

import (
	"context"
	"errors"
	"os"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/history"
)

// An Opener opens the history.
type Opener struct {
	path string // of the database
	con  *console.Console
}

// NewOpener makes an opener of a database, which need not exist.
func NewOpener(con *console.Console, path string) *Opener { return &Opener{path, con} }

// Exists reports whether there is a history.
func (o *Opener) Exists() bool {
	_, err := os.Stat(o.path)
	return err == nil
}

// Open opens the history, or begins it.
func (o *Opener) Open() (*history.Store, error) {
	s, err := history.Open(o.path)
	if err != nil {
		return nil, err
	}
	if aside := s.DamagedPath(); aside != "" {
		o.con.Notef("The history was damaged. It is now %s, and a new one was started.", aside)
	}
	return s, nil
}

// Use opens the history for do. It tidies it before, so that do finds what a killed
// process left, too.
func (o *Opener) Use(ctx context.Context, do func(*history.Store) error) error {
	s, err := o.Open()
	if err != nil {
		return err
	}
	if err = s.Tidy(ctx); err == nil {
		err = do(s)
	}
	return errors.Join(err, s.Close())
}
