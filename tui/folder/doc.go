// Package folder lists the files of the folder that the user works in.
package folder
