package answer

import (
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/units"
)

// fitting has pictures made smaller when the context has no room for them, which is
// then said.
func fitting(con *console.Console, e engine.Engine, pictures []vision.Picture) engine.Engine {
	if len(pictures) == 0 {
		return e
	}
	return vision.Fitting{Engine: e, Tell: func(i int, before, after vision.Picture, context int) {
		con.Notef("%s is made smaller, from %d×%d to %d×%d: the context holds %s tokens.",
			pictures[i].Name, before.Width, before.Height, after.Width, after.Height, units.Count(context))
	}}
}
