package talk

// ModelsRequested asks for the list of models, ContextRequested for the choice of a context
// length.
type (
	ModelsRequested  struct{}
	ContextRequested struct{}
)
