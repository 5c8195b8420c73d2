package behavry.words_test

import data.behavry.words

test_success_one_spelling_of_a_path if {
	every written, plain in {
		"/etc/passwd": "/etc/passwd",
		"//etc///passwd": "/etc/passwd",
		"/./etc/././././passwd": "/etc/passwd",
		"/.//./etc/.//././//passwd/./": "/etc/passwd/",
		"a./b": "a./b",
		"a./.b//c": "a./.b/c",
		"/..//.../": "/../.../",
		"FILE:///Srv\\a\\\\b": "/srv/a/b",
	} {
		words.plain_path(written) == plain
	}
}

# Else they could hide a slash.
test_fail_marks_in_a_path_stand_for_nothing if {
	every mark in ["\ufdd0", "\ufdd1", "\ufdd1\ufdd0", "\ufdd0\ufdd1"] {
		path := words.plain_path(concat("", ["/a//", mark, "/../etc/x", mark]))
		contains(path, "\u0000/../etc/x\u0000")
	}
}

test_success_megabytes_of_slashes_are_no_matter if {
	long := _tenfold(_tenfold(_tenfold(_tenfold(_tenfold(_tenfold("=//"))))))
	count(long) == 3000000
	count(words.plain_path(long)) == 2000000
}

_tenfold(text) := replace("0000000000", "0", text)
