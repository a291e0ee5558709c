// Package models is the interface for models: the list of models on
// this machine, on servers and in the catalogue, the details of each, downloads,
// licences and the context length.
//
// [Service] has the state: what is installed, what fits, the downloads. Downloads
// continue in the background, and an unfinished one can be resumed after a restart.
// The dialogs draw that state.
package models
