// Package tui is the interface in which users talk to models. It has the one
// tea.Model: the frame, the routing of messages, and the wiring of screens to the
// services they use. The rooms are packages of their own:
//
//	kit      what screens are made of: list, editor, prompt, theme, keys, contracts
//	terminal the clipboard and the user's editor
//	engines  the models that are open, and what an answer waits for
//	talk     conversations: chat, math, vision, and the history of them
//	models   models, downloads, licences, servers
//	review   the review mode
//	code     the code mode
//	plain    the same screens line by line, for screen readers
//
// Rooms know kit, terminal and engines, and not each other. What one wants of another it
// returns as a message or an outcome, which [Model] carries out.
//
// # The frame
//
//	bise   chat  review  code  math  vision              Ministral 3 8B   head
//
//	  …                                                                   body
//
//	4.1k of 32k ━━───────   31 tok/s · first 0.4 s            ? keys      footer
//
// What fills the body is a [kit.Screen]: the current mode, or the dialog on top of
// it. A screen is told its size, gets keys, draws lines, and says what stands in
// the footer. View changes nothing. Text from outside goes through term.Clean or a
// function of kit before it is drawn.
//
// # Adding a mode
//
// Write a type with the methods of mode, in a package of its own or in talk. Add
// its name to modes and a case to Model.makeMode, which gives it the look, the
// notices and the services it uses, each in a named field. A mode whose screen is a
// conversation embeds *talk.Conversation and has all the methods then; see
// [talk.Chat].
//
// # Adding a dialog
//
// Write a type with the methods of [kit.Dialog]. Most embed a [kit.List] and set its
// rows. A screen opens it with [kit.Open], the root with Model.push. It closes with
// [kit.Close] and a message, or nil when nothing was decided. [kit.NewPrompt] asks
// for one line.
//
// # Adding a command or a key
//
// A command is a [kit.Command] of a mode's Commands method, or one of
// Model.globals. A key is a binding in [kit.Keymap]; it is then in the list of keys
// and can be set in config.toml. A key of one screen alone is a variable there, made
// by [kit.NewBinding].
//
// # Messages
//
// Input and output happen in commands, whose results come back as messages. A
// message is named for what happened, holds values and no services, and goes to
// every mode and every open dialog; each takes those it knows. A message that can
// come late carries the number of what it belongs to.
package tui
