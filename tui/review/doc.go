// Package review is the mode in which a model looks for what is wrong with a
// change: a list of changes, then a list of findings with the code of the selected
// one.
package review
