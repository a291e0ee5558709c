package talk

// ModelsRequested asks for the list of models, contextAsked for the choice of a
// context length.
type (
	ModelsRequested  struct{}
	ContextRequested struct{}
)
