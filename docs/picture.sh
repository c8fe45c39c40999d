#!/bin/sh
# Draws a terminal: reads the text of a run on stdin, writes an SVG to stdout.
#   cargo xtask release --local 2>&1 | docs/picture.sh 'cargo xtask release --local' > docs/run.svg
set -eu

main() {
	{
		printf '$ %s\n' "$1"
		cat
	} | awk '
		function escape(text) {
			gsub(/&/, "\\&amp;", text)
			gsub(/</, "\\&lt;", text)
			gsub(/>/, "\\&gt;", text)
			return text
		}
		{ line[NR] = $0; if (length($0) > widest) widest = length($0) }
		END {
			width = widest * 8.4 + 40
			height = NR * 19 + 36
			printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, height, width, height
			printf "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#1d2129\"/>\n"
			printf "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"14\" fill=\"#d7dae0\" xml:space=\"preserve\">\n"
			for (i = 1; i <= NR; i++) {
				color = "#d7dae0"
				if (line[i] ~ /^\$ /) color = "#8cc265"
				else if (line[i] ~ /^\[/) color = "#8a919e"
				else if (line[i] ~ / (built|reused) /) color = "#8cc265"
				else if (line[i] ~ / failed/) color = "#e05561"
				else if (line[i] ~ / skipped /) color = "#8a919e"
				printf "<text x=\"20\" y=\"%d\" fill=\"%s\">%s</text>\n", i * 19 + 16, color, escape(line[i])
			}
			print "</g>\n</svg>"
		}'
}

main "$@"
