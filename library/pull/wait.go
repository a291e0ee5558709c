package pull

import (
	"context"
	"errors"
	"time"

	"github.com/bise-sh/bise/models"
)

const pollInterval = 200 * time.Millisecond

// openStage opens the stage of a plan. It waits for another process that owns the stage and
// shows the other's progress. It returns the model if that process has installed it.
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
