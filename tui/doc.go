// Package tui is the full-screen interface. It has the one
// tea.Model: the frame, the routing of messages, and the wiring of screens to the
// services they use. The rooms are packages:
//
//	kit      parts of screens: list, editor, prompt, theme, keys, contracts
//	terminal the clipboard and the user's editor
//	engines  open models, and answers while they are generated
//	images   images of conversations, decoded and drawn once
//	past     the history: saves messages, lists and searches conversations
//	talk     conversations (chat, math, vision)
//	models   models, downloads, licences, servers
//	review   the review mode
//	code     the code mode
//	plain    the same screens line by line, for screen readers
//
// Rooms import kit, terminal, engines, images and past, but not each other. A room asks for something
// in another room with a message or an outcome, which [Model] carries out.
//
// # The frame
//
//	bise   chat  review  code  math  vision              Ministral 3 8B   head
//
//	  …                                                                   body
//
//	4.1k of 32k ━━───────   31 tok/s · first 0.4 s            ? keys      footer
//
// The body shows a [kit.Screen]: the current mode, or the dialog on top of it. A
// screen gets its size and keys, and draws the body and the footer. View changes
// nothing. Text from outside goes through term.Clean or a function of kit first.
//
// # Adding a mode
//
// Write a type with the methods of mode, in a new package or in talk. Add
// its name to modes and a case to Model.makeMode, which sets the look,
// the notices and the services it uses in named fields. A conversation embeds
// *talk.Conversation, which has all the methods; see [talk.Chat].
//
// # Adding a dialog
//
// Write a type with the methods of [kit.Dialog]. Most embed a [kit.ListDialog]
// or a [kit.TextDialog]. A screen opens it with [kit.Open], the root with Model.push.
// It closes with [kit.Close] and a message, or nil. [kit.NewPrompt] asks for one line.
//
// # Adding a command or a key
//
// A command is a [kit.Command] of a mode's Commands method, or one of
// Model.globals. A key is a binding in [kit.Keymap]; it is then in the list of keys
// and configurable. A key of one screen is a variable there, made by
// [kit.NewBinding].
//
// # Messages
//
// Input and output happen in commands, whose results are messages. A message is
// named for what happened, has values and no services, and goes to every mode and
// every open dialog. A message that can arrive late has a number that identifies its
// request.
package tui
