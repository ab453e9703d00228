# Completions of wrun for fish: `wrun completions fish | source`, or put this into
# ~/.config/fish/completions/wrun.fish
function __wrun_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    command $words[1] __complete fish $words "$word" 2>/dev/null
end
complete -c wrun -f -a '(__wrun_complete)'
