package tui

// modelsAsked asks for the list of models, contextAsked for the choice of a
// context length.
type (
	modelsAsked  struct{}
	contextAsked struct{}
)
