package talk

// ModelsRequested asks for the list of models, ContextRequested for the choice of a context
// length, and NewRequested for a new conversation.
type (
	NewRequested     struct{}
	ModelsRequested  struct{}
	ContextRequested struct{}
)
