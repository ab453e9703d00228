//! Single flight between the processes of one machine.
