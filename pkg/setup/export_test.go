package setup

// IgnoringMachine makes Prepare use no program of the machine.
func (o Options) IgnoringMachine() Options {
	o.ignoreMachine = true
	return o
}

// Hold takes a lock and returns what gives it back.
func Hold(path string) (release func(), err error) {
	lock, err := tryLock(path)
	if err != nil {
		return nil, err
	}
	return lock.release, nil
}
