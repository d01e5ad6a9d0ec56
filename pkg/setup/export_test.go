package setup

// IgnoringMachine makes Prepare use no program of the machine.
func (o Options) IgnoringMachine() Options {
	o.ignoreMachine = true
	return o
}
