#compdef wrun
# Completions of wrun for zsh: `source <(wrun completions zsh)` after compinit, or put this as `_wrun`
# into a folder of $fpath.
_wrun() {
    local line value text
    local -a values texts open open_texts
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        text=$value
        [[ $line == *$'\t'* ]] && text="$value  -- ${line#*$'\t'}"
        if [[ $value == *[=/] ]]; then
            open+=("$value") open_texts+=("$text")
        else
            values+=("$value") texts+=("$text")
        fi
    done < <(command "${(Q)words[1]/#\~/$HOME}" __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    local -i found=1
    (( $#values )) && compadd -l -d texts -a values && found=0
    (( $#open )) && compadd -l -S '' -d open_texts -a open && found=0
    return found
}
if [[ $funcstack[1] == _wrun ]]; then
    _wrun "$@"
else
    compdef _wrun wrun
fi
