package caches

// studio reads LM Studio's folder: PUBLISHER/REPOSITORY/FILE
// (https://lmstudio.ai/docs/app/basics/import-model).
func (s *scan) studio(dir string) []Model {
	var list []Model
	for _, m := range s.modelsBelow(dir, "", 3) {
		if m.Missing == 0 {
			m.Ref = "lmstudio:" + m.Ref
			list = append(list, m)
		}
	}
	return list
}
