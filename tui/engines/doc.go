// Package engines has the models that the interface has open, each once, and what
// an answer of theirs waits for.
//
// [Engines.Use] opens a model in the background. The messages [ModelOpened],
// [ModelLoading] and [ModelReady] report how far that is; every screen gets them.
package engines
