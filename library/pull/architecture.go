package pull

import (
	"fmt"
	"slices"

	"github.com/bise-sh/bise/engine/llamaserver"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/rehead"
)

// checkArchitecture refuses an architecture that no engine here can run. The hub may state
// none, or that of a vision encoder.
func (plan *Plan) checkArchitecture(architecture string) error {
	if architecture == "" || architecture == "clip" || plan.Request.Anyway || llamaserver.BuiltIn(architecture) || rehead.Needed(architecture) {
		return nil
	}
	if _, err := llamaserver.Locate(plan.llamaServer); err == nil {
		warning := fmt.Sprintf("The built-in engine cannot run %s: its architecture, %.40s, is newer. llama-server will run it if it is new enough.", plan.Name, architecture)
		if !slices.Contains(plan.Warnings, warning) {
			plan.Warnings = append(plan.Warnings, warning)
		}
		return nil
	}
	return fault.Advise(fault.Errorf(fault.Unsupported, "cannot run %s with the built-in engine: its architecture, %.40s, is newer", plan.Name, architecture),
		"%s Or choose another model from bise catalog, or download it with --anyway.", llamaserver.InstallAdvice)
}
