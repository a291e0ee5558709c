// Package past is the interface's access to the history of conversations: the [Writer]
// that saves messages in the background, the [Dialog] that lists, searches and exports
// conversations, and the files that messages are saved to.
package past
