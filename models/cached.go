package models

// cached gives the models in other programs' caches.
func (s Store) cached(own []Model) []Model { return nil }
