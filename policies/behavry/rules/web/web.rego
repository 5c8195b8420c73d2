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
	regex.match(`(?i)^\s*(file|ftp|gopher|dict|ldaps?|tftp|jar|netdoc|smb|sftp|ssh|telnet|javascript|data|php|expect):`, name)
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
	regex.match(`(?i)^\s*https?:[/\\]+[^/?#\\]*@`, name)
}

_governed if input.request.resource_kind in {"web", "generic"}

_hosts contains host if {
	some name in words.names
	found := regex.find_all_string_submatch_n(
		`(?i)^\s*(?:https?|wss?):[/\\]*(?:[^/?#\\]*@)?(?:\[([^\]]*)\]|([^/?#:\\\s]*))`,
		name,
		1,
	)
	host := trim_right(lower(concat("", [found[0][1], found[0][2]])), ".")
}

_private(host) if {
	regex.match(`^\d{1,3}(\.\d{1,3}){3}$`, host)
	some range in {
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
	}
	net.cidr_contains(range, host)
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
