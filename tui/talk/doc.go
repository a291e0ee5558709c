// Package talk is the room for conversations: the transcript, the composer below
// it, and the modes whose screen is a conversation: [Chat], [Math] and [Vision].
//
// A [Conversation] asks a model of package engines and reads the answer from a
// stream, whose events arrive as messages. What was said is written by the
// [HistoryWriter], in order and without waiting. Pictures are decoded and drawn by
// the [ImageCache], each once.
//
// A mode that does more with answers than showing their text gives its
// Conversation an answerHandler; Math and Vision do.
package talk
