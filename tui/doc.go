// Package tui is what people see: the interface in which they talk to a model.
//
// # The frame
//
// [Model] is the one tea.Model. It owns the frame (one line above, one below),
// the size of what is between them, and who is there: the current mode, or the
// dialog that lies on top of it. It turns what happens into method calls and
// decides nothing else.
//
//	bise   chat  review  code  math  vision              Ministral 3 8B   head
//
//	  …                                                                   body
//
//	4.1k of 32k ━━───────   31 tok/s · first 0.4 s            ? keys      foot
//
// What fills the body is a [screen]: it is told its size, gets the keys, draws
// lines and says what stands in the foot. Everything screens have in common (the
// context, colours, keys, settings, engines, conversations) is in one [*desk] that
// they are made with. Colours come from desk.theme, which is replaced when the
// person picks another: look it up when drawing, and draw again what was kept for
// another desk.theme. Text from outside goes through term.Clean before it is
// drawn.
//
// # Adding a mode
//
// A mode is a type with the methods of [mode], in files of its own (math.go,
// math_view.go), its name in modes and
// a line in newMode. A mode whose screen is a conversation
// has a *conversation and gives it the space that it does not need itself.
//
// # Adding a dialog
//
// A dialog is a type with the methods of [dialog]. It is opened by a message of
// type [opened] from a command (desk.open makes one), covers the body, and closes
// by returning an answer from its press method: a message in the past tense such
// as modelChosen, or [closed] when nothing was decided. The root carries the
// answer out. Most dialogs are a list with something around it: see [list], and
// keysDialog for the smallest example.
//
// # Adding a command
//
// What can be done by a key anywhere is a binding in [keymap] and a case in
// Model.act; it is then in the list of keys, in the commands that / opens, and can
// be remapped in config.toml.
//
// # Messages
//
// All input and output happens in commands, whose results come back as messages
// in the past tense. A message that the root does not know goes to every mode and
// every open dialog; each takes those of its own types, so answers find who asked
// also when another mode is shown. A message that can come late carries the
// number of what it belongs to.
package tui
