// Package sounds holds what the telephone says: the prompts of every language, as texts that package speech turns into
// audio.
package sounds

import _ "embed"

// Name is the file's name, for messages about its lines.
const Name = "sounds/prompts.yaml"

//go:embed prompts.yaml
var prompts []byte

// Prompts is the content of prompts.yaml. The caller must not change it.
func Prompts() []byte { return prompts }

// QuestionsName is the file's name, for messages about its lines.
const QuestionsName = "sounds/questions.yaml"

//go:embed questions.yaml
var questions []byte

// Questions is the content of questions.yaml: what the line answers where a scheme keeps no answers of its own. The caller must
// not change it.
func Questions() []byte { return questions }
