# METADATA
# title: Shared words
# description: What several rules need to say about a call. Nothing here decides.
# scope: package
package behavry.words

# METADATA
# title: Argument names that carry text rather than the name of a thing
_prose := {
	"content", "contents", "text", "body", "data", "oldtext", "newtext", "old_text", "new_text",
	"old_string", "new_string", "message", "query", "prompt", "description", "title",
}

# METADATA
# title: Every string among the arguments
texts contains value if {
	walk(input.request.parameters, [_, value])
	is_string(value)
}

# METADATA
# title: Every string that may name a file or an address
names contains input.request.resource if {
	input.request.resource != ""
}

names contains value if {
	walk(input.request.parameters, [path, value])
	is_string(value)
	not _prosaic(path)
}

_prosaic(path) if {
	some step in path
	is_string(step)
	lower(step) in _prose
}

# METADATA
# title: Every path the call names, in one spelling
# description: >-
#   Lower case, forward slashes, no `file:` scheme, no empty or `.` segments; a percent-encoded path appears as
#   written and as decoded.
paths contains plain_path(name) if some name in names

paths contains plain_path(urlquery.decode(name)) if {
	some name in names
	contains(name, "%")
	regex.match(`^([^%]|%[0-9A-Fa-f][0-9A-Fa-f])*$`, name)
}

# A name that is not well encoded as a whole may still be decoded in part by whoever reads it.
paths contains plain_path(path) if {
	some name in names
	contains(name, "%")
	path := strings.replace_n({"%2e": ".", "%2f": "/", "%5c": "/"}, lower(name))
}

# METADATA
# title: One spelling of a path
plain_path(name) := _squeezed(path) if {
	slashes := replace(lower(name), "\\", "/")
	path := trim_prefix(trim_prefix(slashes, "file:"), "//localhost")
}

# Most paths have nothing to take out, and looking for it is cheaper than taking it out. What takes it out goes over
# the text a few times and never slash by slash: the text may be megabytes of them. `/./` overlaps itself by one slash,
# hence twice; then every slash becomes a pair of marks, and a pair of theirs that meets is a slash too many. Of marks
# in the text itself nothing good can come: they become what no path may contain.
_squeezed(path) := replace(replace(marked, "\ufdd1\ufdd0", ""), "\ufdd0\ufdd1", "/") if {
	_doubled(path)
	foreign := replace(replace(path, "\ufdd0", "\u0000"), "\ufdd1", "\u0000")
	marked := replace(replace(replace(foreign, "/./", "//"), "/./", "//"), "/", "\ufdd0\ufdd1")
} else := path

_doubled(path) if contains(path, "//")

_doubled(path) if contains(path, "/./")

# METADATA
# title: Every path as a directory
# description: >-
#   With a slash at its end, so that one prefix covers a directory and all that lies below it: many paths are held
#   against many directories by one `strings.any_prefix_match`.
slashed contains concat("", [path, "/"]) if some path in paths

# METADATA
# title: Whether a path is a directory or lies below it
within(path, directory) if {
	startswith(concat("", [path, "/"]), concat("", [trim_suffix(directory, "/"), "/"]))
}

# METADATA
# title: Whether a path names a file that usually holds a secret
secret_file(path) if _secret_base(path, _base(path))

secret_file(path) if strings.any_suffix_match(path, _secret_endings)

# One pass over a path for all directories at once.
secret_file(path) if {
	regex.match(
		`/(\.(ssh|aws|gnupg|kube|azure|config/gcloud|docker/config\.json)|run/secrets|etc/ssl/private)/`,
		concat("", ["/", path, "/"]),
	)
	not endswith(path, ".pub")
	not endswith(path, "/known_hosts")
}

_secret_base(_, base) if base in _secret_names

_secret_base(_, base) if {
	startswith(base, ".env.")
	not base in {".env.example", ".env.sample", ".env.template", ".env.dist"}
}

_secret_base(path, base) if {
	base in {"environ", "mem", "maps", "kcore"}
	startswith(path, "/proc/")
}

_base(path) := name if {
	parts := split(trim_suffix(path, "/"), "/")
	name := parts[count(parts) - 1]
}

_secret_names := {
	".env", ".envrc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", ".git-credentials", ".htpasswd",
	".dockercfg", ".vault-token", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "shadow", "gshadow", "sudoers",
	"master.key", "secrets.yml", "secrets.yaml", "credentials.json", "service-account.json", "terraform.tfstate",
}

_secret_endings := {".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".ovpn"}
