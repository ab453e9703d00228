# Completions of wrun for bash: `source <(wrun completions bash)`, or put this into
# ~/.local/share/bash-completion/completions/wrun
_wrun() {
    local line value
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        COMPREPLY+=("$value")
        [[ $value == *[=/] ]] && compopt -o nospace 2>/dev/null
    done < <(command "${1/#\~/$HOME}" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o nosort -F _wrun wrun 2>/dev/null || complete -F _wrun wrun
