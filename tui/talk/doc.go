// Package talk is the interface for conversations: the transcript, the composer below
// it, and the modes whose screen is a conversation: [Chat], [Math] and [Vision].
//
// A [Conversation] asks a model of package engines and reads the answer from a
// stream, whose events arrive as messages. The [past.Writer] saves
// messages in order and in the background. The [images.Cache] decodes and draws each
// image once.
//
// A mode that does more with answers than showing their text gives its
// Conversation an answerHandler; Math and Vision do.
package talk
