# The names in a table machine as CSV, with commas between.

{ csv($0) }
FIELD[1] == "machine" { names = names (names ? ", " : "") FIELD[2] }
END { print names }
