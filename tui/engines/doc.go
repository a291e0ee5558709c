// Package engines opens the models that the interface uses, each once, and tracks what
// an answer waits for.
//
// [Engines.Use] opens a model in the background. The messages [ModelOpened],
// [ModelLoading] and [ModelReady] report the progress to every screen.
package engines
