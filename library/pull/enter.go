package pull

import (
	"context"
	"errors"
	"time"

	"github.com/bise-sh/bise/models"
)

// pollInterval is how often a process that waits checks whether it is its turn.
const pollInterval = 200 * time.Millisecond

// openStage opens the stage of a plan. While another process has it, this one shows how
// far that is; when it has installed the model, there is nothing left to do.
func (p *Puller) openStage(ctx context.Context, plan *Plan, progress *Progress) (*models.Stage, *models.Model, error) {
	waited := false
	for {
		stage, err := p.Store.Stage(plan.Name, plan.Tag)
		switch {
		case err == nil:
			if m, ok := p.Store.Installed(plan.Name, plan.Tag); ok && (waited || !plan.Request.Again) {
				return nil, &m, stage.Discard()
			}
			return stage, nil, nil
		case !errors.Is(err, models.ErrBusy):
			return nil, nil, err
		}
		if !waited {
			waited = true
			progress.begin(Waiting)
		}
		if s, ok := readProgress(p.Store.Staging(plan.Name, plan.Tag)); ok {
			progress.show(s)
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}
