# METADATA
# title: Web
# description: >-
#   Keeps tools that fetch from the web away from what only the gateway's own network can reach. It reads the
#   address as written; a name that resolves to a private address is the fetching server's to refuse.
# scope: package
package behavry.rules.web

import data.behavry.words

# METADATA
# title: A private, local or reserved address
verdicts contains {
	"result": "deny",
	"reason": "The address is private, local or reserved",
	"policy": "web.private_address",
} if {
	_governed
	some host in _hosts
	_private(host)
}

# METADATA
# title: An instance metadata service
verdicts contains {
	"result": "deny",
	"reason": "The address belongs to an instance metadata service",
	"policy": "web.metadata",
} if {
	_governed
	some host in _hosts
	host in {
		"169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "metadata",
		"metadata.google.internal", "metadata.goog", "instance-data",
	}
}

# METADATA
# title: An address written so that it is hard to read
verdicts contains {
	"result": "deny",
	"reason": "The address is a number in disguise",
	"policy": "web.disguised_address",
} if {
	_governed
	some host in _hosts
	_disguised(host)
}

# METADATA
# title: A scheme other than http and https
verdicts contains {
	"result": "deny",
	"reason": "Only http and https addresses are fetched",
	"policy": "web.scheme",
} if {
	_governed
	some name in words.names
	regex.match(`^\s*(file|ftp|gopher|dict|ldaps?|tftp|jar|netdoc|smb|sftp|ssh|telnet|javascript|data|php|expect):`, lower(name))
}

# METADATA
# title: Credentials inside an address
verdicts contains {
	"result": "deny",
	"reason": "The address carries a user name or password",
	"policy": "web.credentials",
} if {
	_governed
	some name in words.names
	regex.match(`^\s*https?:[/\\]+[^/?#\\]*@`, lower(name))
}

_governed if input.request.resource_kind in {"web", "generic"}

_hosts contains host if {
	_governed
	some name in words.names
	found := regex.find_all_string_submatch_n(
		`^\s*(?:https?|wss?):[/\\]*(?:[^/?#\\]*@)?(?:\[([^\]]*)\]|([^/?#:\\\s]*))`,
		lower(name),
		1,
	)
	host := trim_right(concat("", [found[0][1], found[0][2]]), ".")
}

_private(host) if {
	regex.match(`^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$`, host)
	octets := [to_number(octet) | some octet in split(host, ".")]
	_reserved(octets[0], octets[1])
}

_private(host) if {
	contains(host, ":")
	not regex.match(`^[23][0-9a-f]{3}:`, host)
}

_private(host) if host in {"localhost", "localhost.localdomain", "ip6-localhost", "broadcasthost", "host.docker.internal"}

_private(host) if regex.match(`\.(localhost|local|internal|intranet|lan|home|corp|svc|arpa)$`, host)

_private(host) if regex.match(`(^|\.)(nip\.io|sslip\.io|xip\.io|localtest\.me|lvh\.me|lacolhost\.com)$`, host)

_disguised(host) if regex.match(`^(0x[0-9a-f]+|\d+)$`, host)

_disguised(host) if {
	regex.match(`^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){1,3}$`, host)
	not regex.match(`^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$`, host)
}

_disguised(host) if regex.match(`[^ -~]|%`, host)

_reserved(first, _) if first in {0, 10, 127}

_reserved(first, _) if first >= 224

_reserved(100, second) if {
	second >= 64
	second <= 127
}

_reserved(169, 254)

_reserved(172, second) if {
	second >= 16
	second <= 31
}

_reserved(192, second) if second in {0, 168}

_reserved(198, second) if second in {18, 19}
