// Package models is the room for models in the interface: the list of models on
// this machine, on servers and in the catalogue, what is known of each, downloads,
// licences, and the choice of a context length.
//
// [Service] has the state: what is installed, what fits, the downloads. Downloads
// continue whatever is shown, and what is left of one can be continued after bise
// has ended. The dialogs draw that state.
package models
