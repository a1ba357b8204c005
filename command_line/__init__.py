"""What every command says and takes: options, settings files, text, and one line for every mistake."""
